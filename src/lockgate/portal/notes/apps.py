"""The notes app."""

from django.apps import AppConfig


class NotesConfig(AppConfig):
    """No tables of its own: samples and marks stay in the site's identifiable zone."""

    name = "lockgate.portal.notes"
    label = "notes"
