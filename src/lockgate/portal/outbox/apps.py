"""The outbox app."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Audit entries on their way to the chain."""

    name = "lockgate.portal.outbox"
    label = "outbox"
