"""The applications app."""

from django.apps import AppConfig


class ApplicationsConfig(AppConfig):
    """Applications for the use of data."""

    name = "lockgate.portal.applications"
    label = "applications"
