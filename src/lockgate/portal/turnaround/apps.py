"""The turnaround app. It has no tables of its own: it reads those of the apps whose queues it shows."""

from django.apps import AppConfig


class TurnaroundConfig(AppConfig):
    """How long things take."""

    name = "lockgate.portal.turnaround"
    label = "turnaround"
