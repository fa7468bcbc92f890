"""The incidents app."""

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """What went wrong or nearly did, and what was done about it."""

    name = "lockgate.portal.incidents"
    label = "incidents"
