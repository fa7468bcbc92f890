"""The app of failed checks."""

from django.apps import AppConfig


class ChecksConfig(AppConfig):
    """Reads the results of a release's quality checks. No tables of its own."""

    name = "lockgate.portal.checks"
    label = "checks"
