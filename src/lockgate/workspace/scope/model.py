"""The scope: what an approval lets a project see, in the form that machines obey. Unknown fields are refused."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lockgate.cohorts import Cohort
from lockgate.cohorts.defined import Defined

SCHEMA = "lockgate.scope/1"
APPROVERS = ("research_centre", "data_protection_office")

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=400)]
PartnerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,28}$")]
Role = Annotated[
    str,
    StringConstraints(
        pattern=r"^(research_centre|data_protection_office|caldicott_guardian|data_owner:[a-z][a-z0-9_-]{0,28}"
        r"|rule:[a-z][a-z0-9_]{0,28})$"
    ),
]
Word = Annotated[str, StringConstraints(max_length=400)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Person(_Part):
    """Somebody who may use the project's data."""

    username: Short
    name: Word = ""
    organisation: Word = ""
    role: Word = ""


class LegalBasis(_Part):
    """UK GDPR articles 6 and 9, and the common law duty of confidentiality."""

    article_6: Text
    article_9: Text
    common_law: Text


class Period(_Part):
    """Days, both included."""

    start: date = Field(alias="from")
    until: date

    @model_validator(mode="after")
    def _forwards(self) -> Period:
        if self.until < self.start:
            raise ValueError("the period ends before it begins")
        return self


class OutputRules(_Part):
    """The disclosure rules of this project; never weaker than the site's."""

    threshold: int = Field(ge=3, le=1000)
    rounding: int = Field(ge=1, le=1000)
    dominance_n: int | None = Field(default=None, ge=1)
    dominance_k: float | None = Field(default=None, gt=0, le=100)
    p_percent: float | None = Field(default=None, gt=0, le=100)


class PartnerLinkage(_Part):
    """Leave to link with one other organisation: by which method, what comes or goes, until when.

    ``fingerprint`` is of the partner's identity key (see ``lockgate partner list``): leave for one key is none for
    another. ``owner`` decides for the data that comes or goes, beside the other two.
    """

    partner: PartnerName
    fingerprint: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{4} ){7}[0-9a-f]{4}$")]
    direction: Literal["receive", "send"]
    methods: tuple[Literal["nhs_number", "encodings"], ...] = Field(min_length=1)
    tables: dict[Name, tuple[Name, ...]] = Field(min_length=1)
    owner: Short
    until: date


class FastPath(_Part):
    """The rule of the site's routes by which a scope was approved, with nobody deciding (``[portal] fast_path``)."""

    rule: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,28}$")]
    reason: Short
    routes: Short


class Decision(_Part):
    """What one role decided, and who spoke for it. ``data_owner:NAME`` is the owner of a linked source or of a
    partner's data; ``rule:NAME`` is a fast path, and nobody."""

    role: Role
    by: Short
    decision: Literal["approve", "refuse", "return"]
    at: datetime
    note: Annotated[str, StringConstraints(max_length=20_000)] = ""


class Scope(_Part):
    """One approval. Dates are days in the site's time zone, both ends included."""

    schema_: Literal["lockgate.scope/1"] = Field(alias="schema")
    scope_id: Slug
    project: Slug
    version: int = Field(ge=1)
    site: Short
    title: Short
    kind: Literal["research", "service_evaluation", "audit", "clinical_analytics"]
    purpose: Text
    applicant: Short
    people: tuple[Person, ...] = Field(min_length=1)
    legal_basis: LegalBasis
    release: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}\.[0-9]{1,4}$")]
    tables: dict[Name, tuple[Name, ...]] = Field(min_length=1)
    cohort: Cohort | Defined | None = None
    period: Period | None = None
    linkages: tuple[Name, ...] = ()
    partners: tuple[PartnerLinkage, ...] = ()
    opt_out_rule: Short
    dates: Literal["exact", "month", "year", "shift"]
    # coarser than the release where they are given: ages from here on as one; the finest place; rare codes as others
    top_age: Annotated[int, Field(ge=60, le=120)] | None = None
    places: Literal["region", "outward", "lsoa"] | None = None
    rare_codes: Annotated[int, Field(ge=2, le=1000)] | None = None
    # what stands where a note had identifiers and dates (tags where not given)
    notes: Literal["tags", "dates", "surrogates"] | None = None
    output_rules: OutputRules
    valid_from: date
    valid_until: date
    decisions: tuple[Decision, ...] = ()
    # whoever else had to decide, by the site's routes on the day; or the rule that approved it in place of people
    required: tuple[Role, ...] = ()
    fast_path: FastPath | None = None
    issued_at: datetime | None = None

    @model_validator(mode="after")
    def _lasts(self) -> Scope:
        if self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self

    def as_json(self) -> dict[str, Any]:
        """The scope as JSON values, under the names of its fields; those that came later only where they say something,
        so that scopes from before keep their bytes."""
        value = self.model_dump(mode="json", by_alias=True)
        later = ("partners", "top_age", "places", "rare_codes", "notes", "required", "fast_path")
        return {key: item for key, item in value.items() if item or key not in later}

    def canonical(self) -> bytes:
        """The bytes that are signed: JSON with sorted keys and no white space, in UTF-8."""
        return canonical(self.as_json())

    @property
    def sha256(self) -> str:
        """The SHA-256 of the canonical bytes."""
        return hashlib.sha256(self.canonical()).hexdigest()


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no white space, UTF-8, no NaN."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def now() -> datetime:
    """This moment, to the second, in UTC."""
    return datetime.now(UTC).replace(microsecond=0)
