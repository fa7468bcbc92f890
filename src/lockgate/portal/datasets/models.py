"""The classes that were given to data sets: rows are added, never changed; of one data set the newest counts."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from lockgate.portal.datasets.rules import LEVELS


class Classification(models.Model):
    """That its owner gave a data set a class, and why."""

    data_set = models.CharField(max_length=60)
    level = models.CharField(max_length=20, choices=[(key, label) for key, (label, _) in LEVELS.items()])
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["data_set", "-id"], name="classification_newest")]

    def __str__(self) -> str:
        return f"{self.data_set}: {self.level}"
