"""The explore app."""

from django.apps import AppConfig


class ExploreConfig(AppConfig):
    """Cohorts that people build, their versions and with whom they are shared; counts stay in the data cohort_plane."""

    name = "lockgate.portal.explore"
    label = "explore"
