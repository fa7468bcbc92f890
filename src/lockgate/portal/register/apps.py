"""The register app."""

from django.apps import AppConfig


class RegisterConfig(AppConfig):
    """The public register. Listens to projects and to the airlock."""

    name = "lockgate.portal.register"
    label = "register"

    def ready(self) -> None:
        """Connect to what happens below."""
        from lockgate.portal.airlock import signals as airlock
        from lockgate.portal.applications import signals as applications
        from lockgate.portal.register import services
        from lockgate.portal.workspaces import signals as workspaces

        workspaces.opened.connect(services.publish_entry, dispatch_uid="register.publish_entry")
        workspaces.changed.connect(services.change_entry, dispatch_uid="register.change_entry")
        applications.refused.connect(services.enter_refusal, dispatch_uid="register.enter_refusal")
        workspaces.ended.connect(services.end_entry, dispatch_uid="register.end_entry")
        airlock.released.connect(services.add_result, dispatch_uid="register.add_result")
        airlock.recalled.connect(services.recall_result, dispatch_uid="register.recall_result")
