"""The notebooks app."""

from django.apps import AppConfig


class NotebooksConfig(AppConfig):
    """Notebooks on projects' data."""

    name = "lockgate.portal.notebooks"
    label = "notebooks"

    def ready(self) -> None:
        """A project that ends takes its notebooks with it."""
        from lockgate.portal.notebooks import services
        from lockgate.portal.workspaces import signals

        signals.ended.connect(services.end_of_project, dispatch_uid="notebooks.end_of_project")
