"""The workspaces app."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    """Projects and jobs. Listens to approvals."""

    name = "lockgate.portal.workspaces"
    label = "workspaces"

    def ready(self) -> None:
        """Connect to what happens to applications."""
        from lockgate.portal.applications import signals
        from lockgate.portal.workspaces import services

        signals.approved.connect(services.open_project, dispatch_uid="workspaces.open_project")
        signals.changed.connect(services.change_project, dispatch_uid="workspaces.change_project")
        signals.noted.connect(services.note_project, dispatch_uid="workspaces.note_project")
        signals.ended.connect(services.close_project, dispatch_uid="workspaces.close_project")
