"""Tokens, and what was made under a key of the caller's."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from lockgate.portal.tokens import rules


class Token(models.Model):
    """A token without its secret: of that only the SHA-256 is kept (it is 256 random bits, so nobody guesses at it)."""

    key = models.CharField(max_length=16, unique=True, help_text="the part by which it is found and named")
    digest = models.CharField(max_length=64)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=rules.LONGEST_NAME)
    scopes = models.JSONField(default=list)
    second_factor = models.BooleanField(default=False, help_text="made in a session with a second factor")
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    minute = models.DateTimeField(null=True, blank=True, help_text="in which uses are counted now")
    uses = models.PositiveIntegerField(default=0, help_text="in that minute")

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.key} of {self.owner.username}"

    @property
    def state(self) -> str:
        """active, expired or revoked."""
        if rules.holds(self.expires_at, self.revoked_at, timezone.now()):
            return "active"
        return "revoked" if self.revoked_at else "expired"


class Made(models.Model):
    """What somebody made under an ``Idempotency-Key``: said again, the same is answered, and nothing new is made."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    operation = models.CharField(max_length=100)
    asked = models.CharField(max_length=64, help_text="SHA-256 of what was asked")
    made = models.CharField(max_length=100, help_text="the reference of what was made")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_thing_per_key")]

    def __str__(self) -> str:
        return f"{self.operation}: {self.made}"
