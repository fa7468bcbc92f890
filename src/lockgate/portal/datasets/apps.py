"""The app of data sets."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Classes of data sets, with who gave them and why."""

    name = "lockgate.portal.datasets"
    label = "datasets"
