"""Audit entries that wait for the chain, and those that have arrived there."""

from __future__ import annotations

import uuid

from django.db import models


class Message(models.Model):
    """One audit entry, written in the transaction of the write it tells of."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    event = models.CharField(max_length=80)
    actor = models.CharField(max_length=150)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    seq = models.PositiveBigIntegerField(
        null=True, unique=True, help_text="its number in the chain, once there"
    )

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["seq", "id"])]

    def __str__(self) -> str:
        return f"{self.event} by {self.actor}"
