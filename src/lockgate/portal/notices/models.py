"""Notices, and how each person wants them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from lockgate.portal.outbox.models import Message


class Notice(models.Model):
    """One thing that one person is told. The text holds references, never what somebody wrote, and no patient."""

    MAIL: ClassVar[list[tuple[str, str]]] = [
        ("none", "not wanted"),
        ("waiting", "waiting"),
        ("sending", "being sent"),
        ("sent", "sent"),
        ("failed", "given up"),
    ]

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="notices")
    event = models.CharField(max_length=80)
    text = models.CharField(max_length=300)
    path = models.CharField(max_length=300, blank=True, help_text="where on the portal it can be seen to")
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)
    mail = models.CharField(max_length=10, choices=MAIL, default="none")
    mail_after = models.DateTimeField(null=True, blank=True, help_text="not before: later after each failure")
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_problem = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"]),
            models.Index(fields=["mail", "mail_after"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["user", "message"], name="one_notice_per_person_and_event")
        ]

    def __str__(self) -> str:
        return f"{self.event} for {self.user.username}"


class Preference(models.Model):
    """How somebody wants e-mails. Who has no row gets one for each notice."""

    WAYS: ClassVar[list[tuple[str, str]]] = [
        ("each", "An e-mail for each notice"),
        ("daily", "One e-mail each morning with all of the day before"),
        ("none", "No e-mails: I look at the page"),
    ]

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="mail_preference"
    )
    mail = models.CharField(max_length=10, choices=WAYS, default="each")

    def __str__(self) -> str:
        return f"{self.user.username}: {self.mail}"
