"""The linkage app."""

from django.apps import AppConfig


class LinkageConfig(AppConfig):
    """Clerical review. No tables of its own: pairs and decisions stay in the site's identifiable zone."""

    name = "lockgate.portal.linkage"
    label = "linkage"
