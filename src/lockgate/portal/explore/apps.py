"""The explore app."""

from django.apps import AppConfig


class ExploreConfig(AppConfig):
    """Cohorts that people build, their versions and with whom they are shared; counts stay in the data plane."""

    name = "lockgate.portal.explore"
    label = "explore"
