"""Applications, the versions of their answers, and the decisions on them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from lockgate.portal.applications.bank import KINDS
from lockgate.portal.applications.rules import Facts
from lockgate.portal.applications.states import ADVICE, DECISIONS, OPEN, STATES


def _fetched(at: str) -> list[Any]:
    """All that the rules ask of an application, one query for each kind of row."""
    return [
        f"{at}versions",
        models.Prefetch(f"{at}versions__decisions", Decision.objects.select_related("by")),
        models.Prefetch(f"{at}versions__advice", Advice.objects.select_related("by")),
        models.Prefetch(f"{at}versions__conditions", Condition.objects.select_related("set_by", "met_by")),
        f"{at}amendments",
        models.Prefetch(f"{at}interests", Interest.objects.select_related("by")),
    ]


class Waiting(models.QuerySet["Application"]):
    """Applications with all that the rules ask of them, in a few queries for all."""

    def with_facts(self) -> Waiting:
        """Fetch applicants, versions, decisions, advice, interests and conditions at once."""
        return self.select_related("applicant").prefetch_related(*_fetched(""))


class Application(models.Model):
    """One application for one use of data, from its first answer to its end."""

    reference = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=30, choices=list(KINDS.items()))
    title = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=20, choices=list(STATES.items()), default="draft")
    applicant = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="applications"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    scope_id = models.CharField(max_length=80, blank=True)
    # why it is suspended or was revoked, in the words of who did it
    stopped_because = models.TextField(blank=True)

    objects = Waiting.as_manager()

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["state", "-updated_at"])]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    part = ""  # of the names of its pages

    @property
    def application(self) -> Application:
        """Itself: what decides reads an application and an amendment alike."""
        return self

    @property
    def slug(self) -> str:
        """The project's name in folders and scopes."""
        return self.reference.lower()

    @property
    def version(self) -> Version:
        """The answers as they stand: the newest, but for amendments that are not approved."""
        unsettled = {item.pk for item in self.amendments.all() if item.state != "approved"}
        standing = (one for one in self.versions.all() if one.amendment_id not in unsettled)
        latest = max(standing, key=lambda version: version.number, default=None)
        if latest is None:
            raise Version.DoesNotExist(f"{self.reference} has no answers")
        return latest

    @property
    def answers(self) -> dict[str, Any]:
        """The answers as they stand, by question key."""
        answers: dict[str, Any] = self.version.answers
        return answers

    @property
    def amendment(self) -> Amendment | None:
        """The amendment or renewal that is open now."""
        return next((item for item in self.amendments.all() if item.state in OPEN), None)

    @property
    def fast_path(self) -> str:
        """Why a rule approved the version that stands, with nobody deciding; empty where people did."""
        return next((item.note for item in self.version.made() if item.by is None), "")

    def member_names(self) -> frozenset[str]:
        """The usernames of the project's members beside the applicant."""
        return frozenset(item["username"] for item in self.answers.get("people") or [])

    def standing(self) -> list[Decision]:
        """The decisions on the version that stands."""
        return list(self.version.decisions.select_related("by").order_by("at"))

    def approvals(self, version: Version | None = None) -> dict[str, Decision]:
        """The newest approval of each role over the versions that stood, up to the given one (which counts too)."""
        unsettled = {item.pk for item in self.amendments.all() if item.state != "approved"}
        last = version or self.version
        found: dict[str, Decision] = {}
        for one in sorted(self.versions.all(), key=lambda item: item.number):
            if one.number > last.number or (one.amendment_id in unsettled and one.pk != last.pk):
                continue
            decisions = one.made()
            if any(item.decision != "approve" for item in decisions):
                continue  # it was sent back, and what was said of it holds no more
            for item in decisions:
                found[item.role] = item
        return found

    def facts(self, *, complete: bool = False) -> Facts:
        """What the rules need to know."""
        from lockgate.portal.applications.facts import facts_of

        return facts_of(self, complete=complete)


class Changing(models.QuerySet["Amendment"]):
    """Amendments with all that the rules ask of them, in a few queries for all."""

    def with_facts(self) -> Changing:
        """As of applications."""
        return self.select_related("application__applicant").prefetch_related(*_fetched("application__"))


class Amendment(models.Model):
    """A change of an approved use, or more time for it: answers of its own, decided like an application.

    What was approved holds until the change is approved and its scope is signed. Then it replaces what stood.
    """

    WHAT = [("amendment", "Amendment"), ("renewal", "Renewal")]
    part = "amendment_"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="amendments")
    what = models.CharField(max_length=10, choices=WHAT)
    state = models.CharField(max_length=20, choices=list(STATES.items()), default="draft")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = Changing.as_manager()

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.reference} {self.what} {self.state}"

    @property
    def reference(self) -> str:
        """The application's reference."""
        return self.application.reference

    @property
    def kind(self) -> str:
        """The kind of use."""
        return self.application.kind

    @property
    def slug(self) -> str:
        """The project's name."""
        return self.application.slug

    @property
    def title(self) -> str:
        """The title as it would be."""
        return str(self.answers.get("title") or self.application.title)

    @property
    def applicant(self) -> Any:
        """Whose application it is."""
        return self.application.applicant

    def get_kind_display(self) -> str:
        """The kind of use in words."""
        return KINDS[self.kind]

    @property
    def version(self) -> Version:
        """The answers as they would be."""
        latest = max(
            (one for one in self.application.versions.all() if one.amendment_id == self.pk),
            key=lambda version: version.number,
            default=None,
        )
        if latest is None:
            raise Version.DoesNotExist(f"the {self.what} of {self.reference} has no answers")
        return latest

    @property
    def answers(self) -> dict[str, Any]:
        """The answers as they would be, by question key."""
        answers: dict[str, Any] = self.version.answers
        return answers

    def facts(self, *, complete: bool = False) -> Facts:
        """What the rules need to know."""
        from lockgate.portal.applications.facts import facts_of

        return facts_of(self, complete=complete)


Case = Application | Amendment


class Version(models.Model):
    """A set of answers. It is frozen by submission; a returned application goes on in a copy."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(default=1)
    bank = models.CharField(max_length=20)
    answers = models.JSONField(default=dict)
    submitted_at = models.DateTimeField(null=True, blank=True)
    amendment = models.ForeignKey(
        Amendment, on_delete=models.CASCADE, null=True, blank=True, related_name="versions"
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["application", "number"], name="one_version_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.application.reference} version {self.number}"

    def made(self) -> list[Decision]:
        """The decisions on it with who made them, in their order."""
        decisions = self.decisions.all()
        if "decisions" not in getattr(self, "_prefetched_objects_cache", {}):
            decisions = decisions.select_related("by")
        return sorted(decisions, key=lambda item: item.at)


class Decision(models.Model):
    """What one role decided on one version. ``rule:NAME`` is a fast path of the routes: nobody decided."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="decisions")
    role = models.CharField(max_length=40)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    decision = models.CharField(max_length=10, choices=list(DECISIONS.items()))
    note = models.TextField(blank=True)
    # of a refusal: why, as the public reads it in the register
    public_note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "role"], name="one_decision_per_role"),
            models.UniqueConstraint(fields=["version", "by"], name="one_decision_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.role} {self.decision}"

    @property
    def who(self) -> str:
        """Who decided, by name."""
        return self.by.name if self.by else "a rule, without a person"

    @property
    def username(self) -> str:
        """The username of who decided; of a rule none."""
        return self.by.username if self.by else ""


class Advice(models.Model):
    """What a member of the public panel says of one version."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="advice")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    stance = models.CharField(max_length=10, choices=list(ADVICE.items()))
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["version", "by"], name="one_advice_per_person")]

    def __str__(self) -> str:
        return f"{self.version}: {self.stance}"


class Comment(models.Model):
    """What somebody says of one section of one version. ``asks``: it asks for a change."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="comments")
    section = models.CharField(max_length=40)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)
    asks = models.BooleanField(default=False)
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]

    def __str__(self) -> str:
        return f"{self.version}: {self.role} on {self.section}"


class Condition(models.Model):
    """What must be met before an approval takes effect, or by the end of a day after it (``by_day``)."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="conditions")
    role = models.CharField(max_length=40)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()
    by_day = models.DateField(null=True, blank=True)
    public = models.BooleanField(default=True)
    evidence = models.TextField(blank=True)
    evidence_at = models.DateTimeField(null=True, blank=True)
    met_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    met_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["set_at"]

    def __str__(self) -> str:
        return f"{self.version}: condition {self.pk}"


class Interest(models.Model):
    """That somebody who could decide or advise has an interest in an application, and what it is."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="interests")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["application", "by"], name="one_interest_per_person")]

    def __str__(self) -> str:
        return f"{self.application.reference}: interest of {self.by.username}"
