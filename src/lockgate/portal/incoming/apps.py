"""The app of what came in."""

from django.apps import AppConfig


class IncomingConfig(AppConfig):
    """Reads the landing zone's counts and reasons. No tables of its own."""

    name = "lockgate.portal.incoming"
    label = "incoming"
