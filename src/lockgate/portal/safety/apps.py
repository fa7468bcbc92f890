"""The safety app."""

from django.apps import AppConfig


class SafetyConfig(AppConfig):
    """No tables of its own: requests are signed records in the site's identifiable zone."""

    name = "lockgate.portal.safety"
    label = "safety"
