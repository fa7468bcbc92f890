"""The notices app."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Tells people of what concerns them. Listens to the outbox: what is in the audit chain can be told of."""

    name = "lockgate.portal.notices"
    label = "notices"

    def ready(self) -> None:
        """Connect to every audit entry, inside the transaction of its write."""
        from django.db.models.signals import post_save

        from lockgate.portal.notices import services
        from lockgate.portal.outbox.models import Message

        post_save.connect(services.tell, sender=Message, dispatch_uid="notices.tell")
