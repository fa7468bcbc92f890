"""One cohort definition: small, typed, frozen; what every reader writes and every compiler reads.

It can say all that OHDSI's Circe can. Dates are days; windows, offsets and gaps are whole days; both ends of an
interval are included.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

EARLIEST, LATEST = date(1, 1, 1), date(9999, 12, 31)

Limit = Literal["all", "first", "last"]


class ConceptItem(msgspec.Struct, frozen=True, gc=False):
    """One line of a concept set."""

    concept_id: int
    descendants: bool = False
    mapped: bool = False
    excluded: bool = False


class CodeItem(msgspec.Struct, frozen=True, gc=False):
    """One line of a concept set, by vocabulary and code: the concepts that a vocabulary has under that code.

    What is below a code of ``BY_PREFIX`` are the codes that begin with it, dots aside; of others, as of a concept.
    """

    vocabulary: str
    code: str
    descendants: bool = False
    mapped: bool = False
    excluded: bool = False


# vocabularies whose hierarchy is in their codes: OMOP has no ancestors of them
BY_PREFIX = ("ICD10", "ICD10CM", "ICD9CM", "OPCS4")

# what is in it, with what each line adds, less what its excluded lines add
ConceptSet = tuple[ConceptItem | CodeItem, ...]


class Interval(msgspec.Struct, frozen=True, gc=False):
    """``low <= x <= high``; with ``outside``, the rest. An unknown x is in neither."""

    low: float = float("-inf")
    high: float = float("inf")
    outside: bool = False


class Days(msgspec.Struct, frozen=True, gc=False):
    """``low <= day <= high``; with ``outside``, the rest."""

    low: date = EARLIEST
    high: date = LATEST
    outside: bool = False


class Words(msgspec.Struct, frozen=True, gc=False):
    """What a text column says, in the case it is written in."""

    how: Literal["contains", "startsWith", "endsWith", "eq"]
    text: str
    outside: bool = False


class In(msgspec.Struct, frozen=True, gc=False):
    """A concept column is one of these, or in this set; with ``outside``, is another. An absent one is in neither."""

    concepts: tuple[int, ...] = ()
    concept_set: ConceptSet | None = None
    outside: bool = False


class Abnormal(msgspec.Struct, frozen=True, gc=False):
    """A measurement below or above its range of reference, or called abnormal."""


class Flag(msgspec.Struct, frozen=True, gc=False):
    """Something is so, or with ``yes`` false is known not to be. Where it isn't known, neither holds."""

    yes: bool = True


Test = Interval | Days | Words | In | Abnormal | Flag


class Adjustment(msgspec.Struct, frozen=True, gc=False):
    """Start and end moved: each so many days from the event's start or end."""

    start_from: Literal["start", "end"]
    start_days: int
    end_from: Literal["start", "end"]
    end_days: int


class Criterion(msgspec.Struct, frozen=True, gc=False):
    """Events of one kind: those in a concept set, of them each person's first, of those the ones that pass all tests.

    ``domain`` is a key of ``domains.yaml``; ``tests`` names attributes there. ``concepts`` None means any;
    ``source_concepts`` looks at the column of the concept as recorded. Both are asked for; with ``either``, one of
    them is enough. ``period`` takes the place of an observation period's start and end, and asks that the period
    holds it.
    """

    domain: str
    concepts: ConceptSet | None = None
    source_concepts: ConceptSet | None = None
    first: bool = False
    tests: tuple[tuple[str, Test], ...] = ()
    adjustment: Adjustment | None = None
    period: tuple[date | None, date | None] | None = None
    group: Group | None = None
    either: bool = False


# one end of a window: days from the index event, before it negative; or where the observation begins or ends (no limit
# at all, where events outside the observation count)
Edge = int | Literal["observation start", "observation end"]


class Window(msgspec.Struct, frozen=True, gc=False):
    """Where the counted event's start (or end) lies, from the index event's start (or end); both edges included."""

    begin: Edge = "observation start"
    finish: Edge = "observation end"
    from_index_end: bool = False
    of_event_end: bool = False


# what is counted once however often it comes: events as they are ("no"), what these say, or an attribute of the kind
# of event that is a number or a concept ("Quantity", "Unit")
OF_ANY = ("domain_concept", "start_date", "end_date", "duration", "visit")


class Counted(msgspec.Struct, frozen=True, gc=False):
    """So many of these events near the index event; with ``distinct``, so many different values of what it names."""

    criterion: Criterion
    occurrence: Literal["exactly", "at_most", "at_least"]
    count: int
    windows: tuple[Window, ...] = ()
    distinct: str = "no"
    same_visit: bool = False
    outside_observation: bool = False


class Demographic(msgspec.Struct, frozen=True, gc=False):
    """Who the person is, at the index event."""

    tests: tuple[tuple[str, Test], ...]


class Group(msgspec.Struct, frozen=True, gc=False):
    """How many of these hold; ``count`` is for at_least and at_most. An empty group holds for everybody."""

    how: Literal["all", "any", "at_least", "at_most"]
    count: int = 0
    counted: tuple[Counted, ...] = ()
    demographics: tuple[Demographic, ...] = ()
    groups: tuple[Group, ...] = ()


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A named rule that every event of the cohort has to keep."""

    name: str
    group: Group
    description: str = ""


class OffsetExit(msgspec.Struct, frozen=True, gc=False):
    """The cohort ends so many days after the event's start or end, and no later than its observation."""

    from_end: bool
    days: int


class ExposureExit(msgspec.Struct, frozen=True, gc=False):
    """The cohort ends with the person's continuous exposure to these drugs."""

    drugs: ConceptSet
    gap_days: int
    offset_days: int
    days_supply: int | None = None


class Definition(msgspec.Struct, frozen=True, gc=False):
    """Who is in a cohort, from when until when.

    ``concept_sets`` are names for sets, for people to read: what is asked is in the criteria themselves.
    """

    entry: tuple[Criterion, ...]
    days_before: int = 0
    days_after: int = 0
    entry_limit: Limit = "all"
    qualifying: Group | None = None
    qualifying_limit: Limit = "all"
    rules: tuple[Rule, ...] = ()
    limit: Limit = "all"
    exit: OffsetExit | ExposureExit | None = None
    censoring: tuple[Criterion, ...] = ()
    era_gap: int = 0
    censor_from: date | None = None
    censor_until: date | None = None
    name: str = ""
    concept_sets: tuple[tuple[str, ConceptSet], ...] = ()
