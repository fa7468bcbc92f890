"""Accounts, organisations and role memberships."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

from lockgate.portal.accounts.interests import counting
from lockgate.portal.accounts.rules import Person
from lockgate.portal.accounts.training import holds_until, required_courses, resting
from lockgate.portal.sites import current_site


class Organisation(models.Model):
    """Where people work: a trust, a university, a company."""

    SECTORS = [
        ("nhs", "NHS"),
        ("academic", "University or institute"),
        ("industry", "Industry"),
        ("charity", "Charity"),
        ("government", "Government"),
        ("other", "Other"),
    ]

    name = models.CharField(max_length=200, unique=True)
    sector = models.CharField(max_length=20, choices=SECTORS, default="nhs")
    ods_code = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """An account of the portal. One name field: names have no universal parts."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(max_length=200)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, null=True, blank=True, related_name="people"
    )

    interests = models.JSONField(
        default=list,
        blank=True,
        help_text="standing interests (interests.py)",
    )

    REQUIRED_FIELDS = ["email", "name"]

    class Meta:
        ordering = ["username"]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        """The person's name."""
        return self.name

    def get_short_name(self) -> str:
        """The person's name: we don't guess which part is short."""
        return self.name

    @property
    def person(self) -> Person:
        """What the rules know of this account. Two queries, kept for the life of the object.

        Roles whose training is missing or over are not among its roles: they rest.
        """
        cached: Any = self.__dict__.get("_person")
        if cached is None:
            granted = [membership.role for membership in self.memberships.all()]
            trained = self.trained()
            required = required_courses(current_site())
            rest = resting(granted, required, trained, timezone.localdate())
            held = [role.partition(":") for role in granted if role not in rest]
            cached = Person(
                username=self.username,
                name=self.name,
                roles=frozenset(name for name, _, _ in held),
                owns=frozenset(source for name, _, source in held if name == "data_owner" and source),
                organisation=self.organisation.name if self.organisation else "",
                active=self.is_active,
                training_until=holds_until(granted, required, trained),
                resting=rest,
                interests=counting(self.interests, timezone.localdate()),
            )
            self.__dict__["_person"] = cached
        return cached  # type: ignore[no-any-return]

    def trained(self) -> dict[str, date]:
        """Course -> the last day on which the person's newest record of it holds."""
        found: dict[str, date] = {}
        for item in sorted(self.trainings.all(), key=lambda item: item.pk):
            found[item.course] = item.valid_until
        return found

    def forget_person(self) -> None:
        """Read roles anew the next time: after a change of roles or training."""
        self.__dict__.pop("_person", None)


class Training(models.Model):
    """That somebody took a course: records are added, never changed; of one course the newest counts."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="trainings")
    course = models.CharField(max_length=100)
    provider = models.CharField(max_length=200, blank=True, help_text="who trained, and vouches for it")
    certificate = models.CharField(max_length=200, blank=True, help_text="its number or address")
    valid_until = models.DateField()
    recorded_by = models.CharField(max_length=150)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["course", "valid_until"])]

    def __str__(self) -> str:
        return f"{self.user.username}: {self.course}"


class Membership(models.Model):
    """A role that somebody holds."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=40, help_text="one of the roles; data_owner:SOURCE for a linked source"
    )
    granted_by = models.CharField(max_length=150)
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["role"]
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="one_membership_per_role")]

    def __str__(self) -> str:
        return f"{self.user.username}: {self.role}"
