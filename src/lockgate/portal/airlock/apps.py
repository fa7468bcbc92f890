"""The airlock app."""

from django.apps import AppConfig


class AirlockConfig(AppConfig):
    """Requests for release and their reviews."""

    name = "lockgate.portal.airlock"
    label = "airlock"
