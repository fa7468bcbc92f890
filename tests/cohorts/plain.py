"""A definition read plainly, person by person and event by event: slow, and written apart from the SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

from lockgate.cohorts.definition import (
    Abnormal,
    CodeItem,
    ConceptSet,
    Counted,
    Criterion,
    Days,
    Definition,
    ExposureExit,
    Flag,
    Group,
    In,
    OffsetExit,
    Test,
    Window,
    Words,
)

Rows = dict[str, list[dict[str, Any]]]
SEEN = {"visit_occurrence_id": "visit", "provider_id": "place"}
# the columns of each table that isn't of people, beside its id, its person and its days
TABLES: dict[str, dict[str, str]] = {
    "condition_occurrence": {
        "condition_concept_id": "c", "condition_source_concept_id": "c", "condition_type_concept_id": "c",
        "condition_status_concept_id": "c", "stop_reason": "words", **SEEN,
    },
    "condition_era": {"condition_concept_id": "c", "condition_occurrence_count": "days"},
    "death": {"cause_concept_id": "c", "cause_source_concept_id": "c", "death_type_concept_id": "c"},
    "device_exposure": {
        "device_concept_id": "c", "device_source_concept_id": "c", "device_type_concept_id": "c",
        "unique_device_id": "words", "quantity": "number", **SEEN,
    },
    "dose_era": {"drug_concept_id": "c", "unit_concept_id": "c", "dose_value": "number"},
    "drug_era": {"drug_concept_id": "c", "drug_exposure_count": "days", "gap_days": "days"},
    "drug_exposure": {
        "drug_concept_id": "c", "drug_source_concept_id": "c", "drug_type_concept_id": "c", "stop_reason": "words",
        "refills": "days", "quantity": "number", "days_supply": "days", "route_concept_id": "c",
        "effective_drug_dose": "number", "dose_unit_concept_id": "c", "lot_number": "words", **SEEN,
    },
    "episode": {
        "episode_concept_id": "c", "episode_number": "days", "episode_object_concept_id": "c",
        "episode_type_concept_id": "c",
    },
    "location_history": {"location_id": "place", "domain_id": "owner"},
    "measurement": {
        "measurement_concept_id": "c", "measurement_source_concept_id": "c", "measurement_type_concept_id": "c",
        "operator_concept_id": "c", "value_as_number": "number", "value_as_concept_id": "c", "unit_concept_id": "c",
        "range_low": "number", "range_high": "number", **SEEN,
    },
    "note_nlp": {
        "note_nlp_concept_id": "c", "note_nlp_source_concept_id": "c", "section_concept_id": "c",
        "lexical_variant": "words", "term_exists": "exists", "term_temporal": "temporal", "term_modifiers": "modifiers",
    },
    "observation": {
        "observation_concept_id": "c", "observation_source_concept_id": "c", "observation_type_concept_id": "c",
        "value_as_number": "number", "value_as_string": "words", "value_as_concept_id": "c",
        "qualifier_concept_id": "c", "unit_concept_id": "c", **SEEN,
    },
    "payer_plan_period": {
        f"{what}{how}_concept_id": "c"
        for what in ("payer", "plan", "sponsor", "stop_reason")
        for how in ("", "_source")
    },
    "procedure_occurrence": {
        "procedure_concept_id": "c", "procedure_source_concept_id": "c", "procedure_type_concept_id": "c",
        "modifier_concept_id": "c", "quantity": "number", **SEEN,
    },
    "specimen": {
        "specimen_concept_id": "c", "specimen_type_concept_id": "c", "quantity": "number", "unit_concept_id": "c",
        "anatomic_site_concept_id": "c", "disease_status_concept_id": "c", "specimen_source_id": "words",
    },
    "visit_detail": {
        "visit_detail_concept_id": "c", "visit_detail_source_concept_id": "c", "visit_detail_type_concept_id": "c",
        "care_site_id": "place", **SEEN,
    },
    "visit_occurrence": {
        "visit_concept_id": "c", "visit_source_concept_id": "c", "visit_type_concept_id": "c",
        "care_site_id": "place", "provider_id": "place",
    },
}  # fmt: skip
TERMS = {
    "exists": ["Y", "N", "y"],
    "temporal": ["past", "recent", "Past"],
    "modifiers": [
        "negated=true;subject=patient;certainty=positive;conditional=false;historical=false;section=a",
        "Negated=True, certainty=uncertain", "historical=true;conditional=true;value=2;unit=a",
        "subject=mother;certainty=rule_out;code=ab;value=1.5", "negated=false;value=none",
    ],
}  # fmt: skip
ENDED = {
    "condition_era",
    "dose_era",
    "drug_era",
    "episode",
    "payer_plan_period",
    "visit_detail",
    "visit_occurrence",
}
# where the columns aren't named after the table
CONCEPT = {
    "death": "cause",
    "device_exposure": "device",
    "drug_era": "drug",
    "dose_era": "drug",
    "drug_exposure": "drug",
    "condition_era": "condition",
    "payer_plan_period": "payer",
    "observation_period": "period_type",
    "location_history": "region",
}
POINT = {"procedure_occurrence": "procedure_date", "measurement": "measurement_date", "observation": "observation_date",
         "specimen": "specimen_date", "death": "death_date"}  # fmt: skip


def short(table: str) -> str:
    return table.removesuffix("_occurrence")


def ids(table: str) -> str:
    return "event_of_death" if table == "death" else f"{table}_id"


def whose(table: str) -> str:
    return "entity_id" if table == "location_history" else "person_id"


def days(table: str) -> tuple[str | None, str | None]:
    """The columns of an event's first and last day."""
    if table == "note_nlp":
        return None, None
    if table in POINT:
        return POINT[table], None
    if table == "location_history":
        return "start_date", "end_date"
    return f"{short(table)}_start_date", f"{short(table)}_end_date"


class Event(NamedTuple):
    id: int
    start: date
    end: date | None
    visit: int | None
    concept: int | None
    row: dict[str, Any]
    sort: date


class Index(NamedTuple):
    start: date
    end: date | None
    since: date
    until: date
    visit: int | None


def length(event: Event) -> int | None:
    return None if event.end is None else (event.end - event.start).days


def divided(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by


# what an attribute is, where it isn't the column of its name
SPECIAL: dict[str, Callable[[Event], Any]] = {
    "EraLength": length,
    "PeriodLength": length,
    "VisitLength": length,
    "VisitDetailLength": length,
    "RangeLowRatio": lambda e: divided(e.row["value_as_number"], e.row["range_low"]),
    "RangeHighRatio": lambda e: divided(e.row["value_as_number"], e.row["range_high"]),
    "SourceId": lambda e: e.row["specimen_source_id"],
}


def column(name: str, domain: str) -> str:
    """The column that an attribute of a kind of event is."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    if name == "OccurrenceCount":
        return "condition_occurrence_count" if domain == "condition_era" else "drug_exposure_count"
    if name == "VisitType" and domain == "visit_occurrence":
        return "visit_type_concept_id"
    known = TABLES.get(domain, {"period_type_concept_id": "c"})
    if f"{words}_concept_id" in known:
        return f"{words}_concept_id"
    if words.endswith("_concept") and f"{words}_id" in known:
        return f"{words}_id"
    return words


def context(row: dict[str, Any]) -> dict[str, Any]:
    """What is known of a mention: each of its flags, or None; and the values in its modifiers."""
    pairs = dict(
        part.strip().split("=") for part in re.split("[;,]", row["term_modifiers"] or "") if part.strip()
    )
    said = {key.lower(): value.lower() for key, value in pairs.items()}
    exists = (row["term_exists"] or "").upper()
    temporal = (row["term_temporal"] or "").lower()
    known = bool(said) or exists == "Y"
    so = {
        "Negated": said.get("negated") == "true",
        "Hypothetical": said.get("conditional") == "true",
        "OtherPerson": said.get("subject", "patient") != "patient",
        "Uncertain": said.get("certainty", "positive") != "positive",
    }
    flags: dict[str, Any] = {name: True if held else False if known else None for name, held in so.items()}
    past = said.get("historical") == "true" or temporal == "past"
    flags["Historical"] = True if past else False if known or temporal else None
    flags["Exists"] = {"Y": True, "N": False}.get(exists)
    number = pairs.get("value", "none")
    values = {"section_name": pairs.get("section"), "code": pairs.get("code"), "unit": pairs.get("unit")}
    return flags | values | {"value_as_number": None if number == "none" else float(number)}


class Plain:
    """Cohorts over rows of OMOP tables. ``concepts``: vocabulary and code by id; pairs of a concept and one below it,
    and of one and what it maps to."""

    def __init__(
        self,
        rows: Rows,
        concepts: dict[int, tuple[str, str]],
        ancestors: set[tuple[int, int]],
        maps: set[tuple[int, int]],
    ) -> None:
        self.rows, self.concepts, self.ancestors, self.maps = rows, concepts, ancestors, maps

    def stays(self, definition: Definition) -> list[tuple[int, date, date]]:
        found = []
        for person in self.rows["person"]:
            found += [(person["person_id"], *stay) for stay in self.of_person(definition, person)]
        return sorted(found)

    def codes(self, concepts: ConceptSet) -> set[int]:
        told: dict[bool, set[int]] = {False: set(), True: set()}
        for item in concepts:
            found = (
                self.coded(item) if isinstance(item, CodeItem) else {item.concept_id} & self.concepts.keys()
            )
            if item.descendants:
                above = {item.concept_id} if not isinstance(item, CodeItem) else found
                found = found | ({b for a, b in self.ancestors if a in above} & self.concepts.keys())
            if item.mapped:
                found = found | {a for a, b in self.maps if b in found}
            told[item.excluded] |= found
        return told[False] - told[True]

    def coded(self, item: CodeItem) -> set[int]:
        found = set()
        for concept, (vocabulary, code) in self.concepts.items():
            if vocabulary != item.vocabulary:
                continue
            if vocabulary == "ICD10":
                code, asked = code.replace(".", ""), item.code.replace(".", "")
                if code == asked or (item.descendants and code.startswith(asked)):
                    found.add(concept)
            elif code == item.code:
                found.add(concept)
        return found

    def periods(self, person: dict[str, Any]) -> list[tuple[date, date]]:
        return [
            (row["observation_period_start_date"], row["observation_period_end_date"])
            for row in self.rows["observation_period"]
            if row["person_id"] == person["person_id"]
        ]

    def told(self, domain: str, person: dict[str, Any]) -> list[Event]:
        """Every event of a kind that a person has, by day; those of no known day aren't."""
        found = []
        for row in self.rows.get(domain, []):
            first, last = days(domain)
            concept = row.get(f"{CONCEPT.get(domain, short(domain))}_concept_id")
            known = row
            if domain == "note_nlp":
                known = next(note for note in self.rows["note"] if note["note_id"] == row["note_id"])
                known = {**known, **row, **context(row)}
                start, end, owner = known["note_date"], None, known["person_id"]
            elif domain == "location_history":
                where = [
                    place for place in self.rows["location"] if place["location_id"] == row["location_id"]
                ]
                if row["domain_id"] != "PERSON" or not where:
                    continue
                concept, owner = where[0]["region_concept_id"], row["entity_id"]
                start, end = row["start_date"], row["end_date"] or date(2099, 12, 31)
            else:
                assert first is not None
                start, end, owner = row[first], row[last] if last else None, row["person_id"]
            if start is None or owner != person["person_id"]:
                continue
            if domain == "drug_exposure" and end is None and row["days_supply"] is not None:
                end = start + timedelta(row["days_supply"])
            if end is None and domain not in ENDED and domain != "observation_period":
                end = start + timedelta(1)
            number = owner if domain == "death" else row[f"{domain}_id"]
            visit = known.get("visit_occurrence_id")
            found.append(Event(number, start, end, visit, concept, known, start))
        return sorted(found, key=lambda event: (event.start, event.id))

    def events(self, criterion: Criterion, person: dict[str, Any]) -> list[Event]:
        domain = criterion.domain
        kept = []
        for event in self.told(domain, person):
            source = event.row.get(f"{CONCEPT.get(domain, short(domain))}_source_concept_id")
            asked = [
                value in self.codes(concepts)
                for value, concepts in (
                    (event.concept, criterion.concepts),
                    (source, criterion.source_concepts),
                )
                if concepts is not None
            ]
            if any(asked) if criterion.either and len(asked) > 1 else all(asked):
                kept.append(event)
        if criterion.first:
            kept = kept[:1]
        kept = [e for e in kept if all(self.test(name, t, e, person, domain) for name, t in criterion.tests)]
        kept = [moved for event in kept if (moved := self.moved(criterion, event)) is not None]
        if criterion.group is None:
            return kept
        found = []
        for event in kept:
            holding = [p for p in self.periods(person) if p[0] <= event.start <= p[1]]
            if not holding:
                continue
            observed = min(since for since, _ in holding), max(until for _, until in holding)
            if self.holds(criterion.group, Index(event.start, event.end, *observed, event.visit), person):
                found.append(event)
        return found

    def moved(self, criterion: Criterion, event: Event) -> Event | None:
        """An event with its days moved; None where it is none then."""
        if criterion.adjustment is not None:
            asked = criterion.adjustment
            sides = {"start": event.start, "end": event.end}
            start, end = sides[asked.start_from], sides[asked.end_from]
            if start is None or end is None:
                return None
            start, end = start + timedelta(asked.start_days), end + timedelta(asked.end_days)
            return event._replace(start=start, end=end, sort=start) if start <= end else None
        if criterion.period is not None:
            for day in criterion.period:
                if day is not None and (event.end is None or not event.start <= day <= event.end):
                    return None
            since, until = criterion.period
            return event._replace(start=since or event.start, end=until or event.end)
        return event

    def test(self, name: str, test: Test, event: Event, person: dict[str, Any], domain: str) -> bool:
        if isinstance(test, Flag):
            return event.row[name] is test.yes
        if isinstance(test, Abnormal):
            value, low, high = (event.row[key] for key in ("value_as_number", "range_low", "range_high"))
            beyond = value is not None and (
                (low is not None and value < low) or (high is not None and value > high)
            )
            return beyond or event.row["value_as_concept_id"] in (4155142, 4155143)
        if isinstance(test, Days):
            value = event.end if name.endswith("EndDate") else event.start
            return value is not None and (test.low <= value <= test.high) != test.outside
        if name == "PlaceOfServiceLocation":
            assert isinstance(test, In)
            regions = self.regions(event)
            within = bool(regions & self.allowed(test))
            return bool(regions) and not within if test.outside else within
        value = self.value(name, event, person, domain)
        if value is None:
            return False
        if isinstance(test, In):
            return (value in self.allowed(test)) != test.outside
        if isinstance(test, Words):
            held = {
                "contains": test.text in value,
                "startsWith": value.startswith(test.text),
                "endsWith": value.endswith(test.text),
                "eq": value == test.text,
            }
            return held[test.how] != test.outside
        return (test.low <= value <= test.high) != test.outside

    def allowed(self, test: In) -> set[int]:
        return set(test.concepts) if test.concept_set is None else self.codes(test.concept_set)

    def regions(self, event: Event) -> set[int]:
        """The regions that the care site of a visit was in all the while."""
        return {
            place["region_concept_id"]
            for stay in self.rows["location_history"]
            for place in self.rows["location"]
            if stay["domain_id"] == "CARE_SITE"
            and event.row["care_site_id"] is not None
            and stay["entity_id"] == event.row["care_site_id"]
            and stay["location_id"] == place["location_id"]
            and stay["start_date"] is not None
            and event.end is not None
            and stay["start_date"] <= event.start
            and event.end <= (stay["end_date"] or date(2099, 12, 31))
            and place["region_concept_id"] is not None
        }

    def value(self, name: str, event: Event, person: dict[str, Any], domain: str) -> Any:
        if name in ("Age", "AgeAtStart", "AgeAtEnd"):
            day = event.end if name == "AgeAtEnd" else event.start
            born = person["year_of_birth"]
            return None if born is None or day is None else day.year - born
        if name == "LockgateBirthYear":
            return person["year_of_birth"]
        if name in ("Gender", "Race", "Ethnicity"):
            return person[f"{name.lower()}_concept_id"]
        if name == "VisitType" and domain != "visit_occurrence":
            visits = self.rows["visit_occurrence"]
            return next(
                (
                    visit["visit_concept_id"]
                    for visit in visits
                    if visit["visit_occurrence_id"] == event.visit
                    and visit["person_id"] == person["person_id"]
                ),
                None,
            )
        for asked, table, key, told in (
            ("ProviderSpecialty", "provider", "provider_id", "specialty_concept_id"),
            ("PlaceOfService", "care_site", "care_site_id", "place_of_service_concept_id"),
        ):
            if name == asked:
                return next((row[told] for row in self.rows[table] if row[key] == event.row[key]), None)
        return SPECIAL[name](event) if name in SPECIAL else event.row.get(column(name, domain))

    def holds(self, group: Group, index: Index, person: dict[str, Any]) -> bool:
        held = [self.near(counted, index, person) for counted in group.counted]
        event = Event(0, index.start, index.end, index.visit, 0, {}, index.start)
        held += [
            all(self.test(n, t, event, person, "person") for n, t in d.tests) for d in group.demographics
        ]
        held += [self.holds(inner, index, person) for inner in group.groups]
        if not held:
            return True
        return {
            "all": sum(held) == len(held),
            "any": sum(held) > 0,
            "at_least": sum(held) >= group.count,
            "at_most": sum(held) <= group.count,
        }[group.how]

    def near(self, counted: Counted, index: Index, person: dict[str, Any]) -> bool:
        found = []
        for event in self.events(counted.criterion, person):
            if not counted.outside_observation and not index.since <= event.start <= index.until:
                continue
            if counted.same_visit and (event.visit is None or event.visit != index.visit):
                continue
            if all(
                self.within(window, event, index, observed=not counted.outside_observation)
                for window in counted.windows
            ):
                found.append(event)
        if counted.distinct == "no":
            n = len(found)
        else:
            values = {
                self.different(counted.distinct, event, person, counted.criterion.domain) for event in found
            }
            n = len(values - {None})
        return {"exactly": n == counted.count, "at_most": n <= counted.count, "at_least": n >= counted.count}[
            counted.occurrence
        ]

    def different(self, what: str, event: Event, person: dict[str, Any], domain: str) -> Any:
        known = {
            "domain_concept": event.concept,
            "start_date": event.start,
            "end_date": event.end,
            "duration": length(event),
            "visit": event.visit,
        }
        return known[what] if what in known else self.value(what, event, person, domain)

    def within(self, window: Window, event: Event, index: Index, *, observed: bool) -> bool:
        value = event.end if window.of_event_end else event.start
        origin = index.end if window.from_index_end else index.start
        if value is None:
            return False
        for edge, early in ((window.begin, True), (window.finish, False)):
            if isinstance(edge, int):
                if origin is None:
                    return False
                limit = origin + timedelta(edge)
            elif observed:
                limit = index.until if edge == "observation end" else index.since
            else:
                continue
            if (value < limit) if early else (value > limit):
                return False
        return True

    def entries(self, definition: Definition, person: dict[str, Any]) -> list[Index]:
        entries = []
        for place, criterion in enumerate(definition.entry):
            for event in self.events(criterion, person):
                for since, until in self.periods(person):
                    if (
                        since + timedelta(definition.days_before)
                        <= event.start
                        <= until - timedelta(definition.days_after)
                        and since <= event.start <= until
                    ):
                        key = (event.sort, event.id, place, event.end or date.max, since)
                        entries.append((key, Index(event.start, event.end, since, until, event.visit)))
        entries.sort(key=lambda entry: entry[0])
        if definition.entry_limit == "last" and entries:  # by the days that the events have themselves
            latest = entries[-1][0][0]
            entries = [entry for entry in entries if entry[0][0] == latest]
        kept = [index for _, index in entries]
        return kept if definition.entry_limit == "all" else kept[:1]

    def qualified(self, definition: Definition, person: dict[str, Any]) -> list[Index]:
        kept = self.entries(definition, person)
        if definition.qualifying is not None:
            kept = [index for index in kept if self.holds(definition.qualifying, index, person)]
        return limited(kept, definition.qualifying_limit)

    def lost(self, definition: Definition, person: dict[str, Any]) -> tuple[int, list[bool], date] | None:
        """The step that loses a person (as many as there are steps for nobody's), each rule by itself, and the day of
        their first entry event; None for who has none."""
        entries = self.entries(definition, person)
        if not entries:
            return None
        asked = self.qualified(definition, person)
        alone = [any(self.holds(rule.group, i, person) for i in asked) for rule in definition.rules]
        steps = int(definition.qualifying is not None)
        lost = 0 if not asked else steps
        if asked:
            for index in asked:
                passed = 0
                while passed < len(definition.rules) and self.holds(
                    definition.rules[passed].group, index, person
                ):
                    passed += 1
                lost = max(lost, steps + passed)
            lost += lost == steps + len(definition.rules) and bool(self.of_person(definition, person))
        return lost, alone, entries[0].start

    def of_person(self, definition: Definition, person: dict[str, Any]) -> list[tuple[date, date]]:
        kept = self.qualified(definition, person)
        kept = [i for i in kept if all(self.holds(rule.group, i, person) for rule in definition.rules)]
        kept = limited(kept, definition.limit)
        spans = []
        for index in kept:
            exits = [day for day in self.exits(definition, index, person) if day >= index.start]
            if exits:
                spans.append((index.start, min(exits)))
        return merged(spans, definition)

    def exits(self, definition: Definition, index: Index, person: dict[str, Any]) -> list[date]:
        found = []
        if isinstance(definition.exit, OffsetExit):
            origin = index.end if definition.exit.from_end else index.start
            last = index.until if origin is None else origin + timedelta(definition.exit.days)
            found.append(min(last, index.until))
        else:
            found.append(index.until)
        if isinstance(definition.exit, ExposureExit):
            found += self.exposure(definition.exit, index, person)
        for criterion in definition.censoring:
            found += [
                e.start for e in self.events(criterion, person) if index.start <= e.start <= index.until
            ]
        return found

    def exposure(self, told: ExposureExit, index: Index, person: dict[str, Any]) -> list[date]:
        spans = []
        for event in self.told("drug_exposure", person):
            if not {event.concept, event.row["drug_source_concept_id"]} & self.codes(told.drugs):
                continue
            assert event.end is not None
            end = event.end if told.days_supply is None else event.start + timedelta(told.days_supply)
            spans.append((event.start, end + timedelta(told.gap_days + told.offset_days)))
        runs: list[list[date]] = []
        for start, end in sorted(spans):
            if runs and start <= runs[-1][1]:
                runs[-1][1] = max(runs[-1][1], end)
            else:
                runs.append([start, end])
        ends = [(start, end - timedelta(told.gap_days)) for start, end in runs]
        return [end for start, end in ends if start <= index.start <= end]


def limited(kept: list[Index], limit: str) -> list[Index]:
    if limit == "all" or not kept:
        return kept
    if limit == "first":
        return [min(kept, key=lambda index: index.start)]
    latest = max(index.start for index in kept)
    return [next(index for index in kept if index.start == latest)]


def merged(spans: list[tuple[date, date]], definition: Definition) -> list[tuple[date, date]]:
    gap = timedelta(definition.era_gap)
    runs: list[list[date]] = []
    for start, end in sorted(spans):
        if runs and start <= runs[-1][1] + gap:
            runs[-1][1] = max(runs[-1][1], end)
        else:
            runs.append([start, end])
    found = []
    for start, end in runs:
        start = max(start, definition.censor_from or start)
        end = min(end, definition.censor_until or end)
        if start <= end:
            found.append((start, end))
    return found
