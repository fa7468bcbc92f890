"""Every surface that tells of people, asked by one attacker: Explore, its breakdowns, overlaps and months, and the
public tables about the data, over releases that differ by one person. The ledger knows whom each number counts; the
attacker is given every told number exactly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.catalogue import about_joint, open_about, publish_about
from lockgate.cohorts import asking
from lockgate.cohorts.asking_more import ask_overlap, ask_split, ask_timeline
from lockgate.cohorts.definition import (
    ConceptItem,
    Counted,
    Criterion,
    Days,
    Definition,
    Demographic,
    Group,
    In,
    Interval,
    Rule,
    Window,
)
from lockgate.curate import open_release
from lockgate.disclosure import Rules
from lockgate.disclosure.inference import atoms
from lockgate.disclosure.joint import Family
from lockgate.disclosure.ledger import Asker, Ledger
from lockgate.site import Site

RULES = Rules()
ASTHMA, PLACEBO = 317009, 4242
ANN = Asker("ann", "p1", frozenset({"ann", "amy"}))
BEN = Asker("ben", "p2", frozenset({"ben"}))


def write_release(site: Site, number: str, people: int) -> None:
    """Invented people: a third with asthma, in whom the rest is uneven; four with something rare."""
    random = np.random.default_rng(3)
    folder = site.releases / number / "omop"
    folder.mkdir(parents=True)
    born = random.integers(1930, 2005, 700)
    sick = np.flatnonzero(random.random(700) < 0.35)
    days = {
        int(i): date(2020, 1, 1) + timedelta(int(d))
        for i, d in zip(sick, random.integers(0, 1500, len(sick)), strict=True)
    }
    tables: dict[str, list[dict[str, Any]]] = {
        "person": [
            {"person_id": i, "gender_concept_id": (8507, 8532, 0)[0 if i % 2 else 1 if i % 43 else 2],
             "year_of_birth": int(born[i]), "race_source_value": "A" if i % 9 else "N"}
            for i in range(people)
        ],
        "observation_period": [
            {"person_id": i, "observation_period_start_date": date(2015 + i % 6, 1, 1),
             "observation_period_end_date": date(2025, 12, 31)}
            for i in range(people)
        ],
        "condition_occurrence": [
            {"person_id": i, "condition_occurrence_id": 10 * i, "condition_concept_id": ASTHMA,
             "condition_start_date": day}
            for i, day in days.items() if i < people
        ] + [
            {"person_id": int(i), "condition_occurrence_id": 10 * int(i) + 1, "condition_concept_id": PLACEBO,
             "condition_start_date": date(2021, 5, 1)}
            for i in sick[:4]
        ],
        "concept": [
            {"concept_id": n, "concept_name": name, "vocabulary_id": "SNOMED", "concept_code": str(n),
             "domain_id": "Condition", "standard_concept": "S"}
            for n, name in ((ASTHMA, "Asthma"), (PLACEBO, "Something rare"))
        ],
    }  # fmt: skip
    described = {}
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
        described[name] = {"file": f"omop/{name}.parquet", "rows": len(rows)}
    import json

    manifest = {"tables": described, "created_at": "2026-01-05T00:00:00+00:00"}
    (folder.parent / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module", autouse=True)
def _no_charts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lockgate.catalogue.about.render_chart", lambda *_: "<svg></svg>")
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with two releases that differ by one person."""
    site = Site.init(tmp_path_factory.mktemp("surfaces") / "site", name="Test Hospital", seed="surfaces")
    write_release(site, "2026.1", 600)
    write_release(site, "2026.2", 601)
    return site.path


@pytest.fixture(scope="module")
def attacked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That site, after everything was asked."""
    path = shutil.copytree(made, tmp_path_factory.mktemp("attacked") / "site")
    attack(Site.open(path), ANN)
    return path


@pytest.fixture(scope="module")
def told(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That site, with the public tables of its first release."""
    path = shutil.copytree(made, tmp_path_factory.mktemp("told") / "site")
    publish_about(Site.open(path), "2026.1", actor="test")
    return path


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Site:
    return Site.open(shutil.copytree(made, tmp_path / "site"))


@pytest.fixture
def asked_site(attacked: Path, tmp_path: Path) -> Site:
    return Site.open(shutil.copytree(attacked, tmp_path / "asked"))


@pytest.fixture
def public_site(told: Path, tmp_path: Path) -> Site:
    return Site.open(shutil.copytree(told, tmp_path / "public"))


def asthma(*rules: Rule, **more: Any) -> Definition:
    entry = Criterion("condition_occurrence", concepts=(ConceptItem(ASTHMA),), first=True, **more)
    return Definition(entry=(entry,), rules=rules, entry_limit="first", limit="first")


def aged(low: float, high: float) -> Rule:
    asked = Demographic((("Age", Interval(low, high)),))
    return Rule(f"{low:g} to {high:g}", Group("all", demographics=(asked,)))


def sexed(sex: int, *, outside: bool = False) -> Rule:
    return Rule("sex", Group("all", demographics=(Demographic((("Gender", In((sex,), outside=outside)),)),)))


def rare(*, having: bool) -> Rule:
    criterion = Criterion("condition_occurrence", concepts=(ConceptItem(PLACEBO),))
    counted = Counted(criterion, "at_least" if having else "exactly", int(having), (Window(),))
    return Rule("rare", Group("all", counted=(counted,)))


def attack(site: Site, asker: Asker, release: str = "2026.1") -> None:
    """Complements, differences, one person apart, neighbouring ages, splits, overlaps, months: everything at once."""
    opened = open_release(site, release)
    where, how = (site, opened.number, opened.omop), {"asker": asker, "rules": RULES}
    for definition in questions():
        asking.ask(*where, definition, **how)
    for dimension in ("sex", "age"):
        ask_split(*where, asthma(aged(40, 130)), dimension, **how)
    ask_overlap(*where, asthma(), asthma(rare(having=True)), **how)
    ask_overlap(*where, asthma(sexed(8507)), asthma(sexed(8532, outside=True)), **how)
    ask_timeline(*where, asthma(rare(having=False)), 1, **how)


def questions() -> Iterator[Definition]:
    yield asthma()
    yield asthma(rare(having=True))
    yield asthma(rare(having=False))
    for sex in (8507, 8532):
        yield asthma(sexed(sex))
        yield asthma(sexed(sex, outside=True))
    for low, high in ((0, 39), (0, 40), (40, 130), (41, 130), (40, 40), (0, 130)):
        yield asthma(aged(low, high))
    for day in range(1, 29, 9):  # a few people apart
        yield asthma(tests=(("OccurrenceStartDate", Days(high=date(2023, 12, day))),))


def told_groups(site: Site) -> list[np.ndarray]:
    """Whom the numbers that were told count: as the ledger holds them."""
    ledger = Ledger(site)
    width = len(np.load(ledger.folder / "index.npy"))
    found = []
    for entry in ledger.entries():
        if entry.status == "shown" and entry.of is None:
            inside = np.unpackbits(ledger._people(entry)).astype(bool)[:width]
            found.append(np.pad(inside, (0, width - len(inside))))
    return found


def public_groups(site: Site, *, told: bool = True) -> list[np.ndarray]:
    """Whom the told numbers of public tables count."""
    return [
        family.labels == number
        for family in Ledger(site).published()
        for number in np.flatnonzero(family.told == told)
        if family.sizes[number]
    ]


def tables_of(site: Site) -> list[str]:
    """The table of each of ``public_groups``."""
    return [
        family.name.rpartition(" ")[0]
        for family in Ledger(site).published()
        for number in np.flatnonzero(family.told)
        if family.sizes[number]
    ]


def small_differences(groups: list[np.ndarray], tables: list[str] | None = None) -> list[int]:
    """What is left of a told group without another that lies within it, where that is a small group; groups of one
    table are not compared (a table by itself is made safe with its rounding)."""
    sizes = np.array([group.sum() for group in groups])
    matrix = np.array(groups, dtype=np.int32)
    shared = matrix @ matrix.T
    within = shared == sizes[:, None]
    left = sizes[None, :] - sizes[:, None]
    if tables is not None:
        named = np.array(tables)
        within &= named[:, None] != named[None, :]
    return sorted(left[within & (left > 0) & (left < RULES.threshold)].tolist())


def spans_small_group(groups: list[np.ndarray]) -> bool:
    """Whether some sum of multiples of the told numbers is the count of a small group (of one or two of the groups that
    they cut people into), by plain linear algebra."""
    cut, sizes = atoms([np.packbits(group) for group in groups])
    rows = [[Fraction(int(cell)) for cell in row] for row in cut]
    reduced = reduce(rows)
    small = np.flatnonzero(sizes < RULES.threshold)
    targets = [(int(one),) for one in small] + [
        pair for pair in combinations(small.tolist(), 2) if sizes[list(pair)].sum() < RULES.threshold
    ]
    for target in targets:
        row = [Fraction(int(place in target)) for place in range(len(sizes))]
        for pivot, basis in reduced:
            if row[pivot]:
                row = [a - row[pivot] * b for a, b in zip(row, basis, strict=True)]
        if not any(row):
            return True
    return False


def reduce(rows: list[list[Fraction]]) -> list[tuple[int, list[Fraction]]]:
    found: list[tuple[int, list[Fraction]]] = []
    for row in rows:
        for pivot, basis in found:
            if row[pivot]:
                row = [a - row[pivot] * b for a, b in zip(row, basis, strict=True)]
        lead = next((place for place, cell in enumerate(row) if cell), None)
        if lead is not None:
            found.append((lead, [cell / row[lead] for cell in row]))
    return found


def test_no_small_group_follows_from_all_that_one_project_is_told(asked_site: Site) -> None:
    groups = told_groups(asked_site)
    assert len(groups) > 12, "it answers what it can"
    assert small_differences(groups) == [] and not spans_small_group(groups)
    statuses = {entry.status for entry in Ledger(asked_site).entries()}
    assert statuses >= {"shown", "held", "withheld", "refused"}, "and says of the rest why not"
    # without the ledger the same questions give small groups away
    ledger = Ledger(asked_site)
    width = len(np.load(ledger.folder / "index.npy"))
    every = [
        np.pad(np.unpackbits(ledger._people(entry)).astype(bool)[:width], (0, 7))[:width]
        for entry in ledger.entries()
    ]
    assert small_differences([group for group in every if group.sum() >= RULES.threshold])


def test_a_release_that_differs_by_one_person_is_answered_as_the_one_before(asked_site: Site) -> None:
    before = len(told_groups(asked_site))
    attack(asked_site, ANN, "2026.2")
    groups = told_groups(asked_site)
    assert small_differences(groups) == [] and not spans_small_group(groups)
    fresh = [entry for entry in Ledger(asked_site).entries() if entry.release == "2026.2"]
    assert fresh and not any(entry.status == "shown" and entry.key != "everyone" for entry in fresh[:3])
    assert len(groups) >= before


def test_two_people_of_two_projects(site: Site) -> None:
    """Strangers' answers count together where the site says so; a member of both projects is one asker."""
    opened = open_release(site, "2026.1")
    one, two = asthma(), asthma(rare(having=False))
    ask = {"rules": RULES}
    assert asking.ask(site, "2026.1", opened.omop, one, asker=ANN, **ask)[-1].answer.status == "shown"
    both = Asker("ann", "p2", frozenset({"ann", "ben"}))
    assert asking.ask(site, "2026.1", opened.omop, two, asker=both, **ask)[-1].answer.status == "held"
    config = site.path / "site.toml"
    config.write_text(config.read_text().replace("[disclosure]", '[disclosure]\nquestions = "everyone"'))
    strict = Site.open(site.path)
    three = asthma(rare(having=False), aged(0, 130))
    told = asking.ask(strict, "2026.1", opened.omop, three, asker=BEN, **ask)
    assert {step.answer.status for step in told[1:]} == {"held"}


def test_public_tables_leave_no_small_difference_between_them(
    public_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(public_groups(public_site)) > 60, "most of it is told"
    assert small_differences(public_groups(public_site), tables_of(public_site)) == []
    with monkeypatch.context() as off:  # each table by itself made safe, and nothing more
        off.setattr(about_joint, "exposed", lambda family, *_: np.zeros(len(family.sizes), dtype=bool))
        publish_about(public_site, "2026.1", actor="test")
        assert small_differences(public_groups(public_site), tables_of(public_site)), (
            "together they would give small groups away"
        )
    (event,) = list(public_site.audit.entries("ledger.published"))[:1]
    assert event.detail["surface"] == "about-2026.1" and event.detail["groups"] > 60


def test_public_tables_of_a_later_release_repeat_what_a_few_people_changed(public_site: Site) -> None:
    publish_about(public_site, "2026.2", actor="test")
    one, two = (
        (open_about(public_site, n).path / "people_by_birth.csv").read_text() for n in ("2026.1", "2026.2")
    )
    assert one == two, "601 people are told as the 600 were"


def test_public_tables_and_questions_are_held_against_each_other(public_site: Site) -> None:
    opened = open_release(public_site, "2026.1")
    how = {"asker": ANN, "rules": RULES}
    whole = asking.ask(public_site, "2026.1", opened.omop, asthma(), **how)[-1].answer
    assert whole.status == "held" and "public" in whole.reason
    without = asking.ask(public_site, "2026.1", opened.omop, asthma(rare(having=False)), **how)[-1].answer
    assert (without.status, without.people) == ("held", whole.people)
    attack(public_site, ANN)
    asked, public = told_groups(public_site), public_groups(public_site)
    named = [*(f"question {number}" for number in range(len(asked))), *tables_of(public_site)]
    assert small_differences([*asked, *public], named) == []


def test_what_was_answered_before_is_not_undone_by_a_table(asked_site: Site) -> None:
    publish_about(asked_site, "2026.1", actor="test")
    asked = told_groups(asked_site)[1:]  # the first is everybody, of every release
    public = public_groups(asked_site)
    width = max(len(group) for group in [*asked, *public])
    groups = [np.pad(group, (0, width - len(group))) for group in [*asked, *public]]
    named = [*(f"question {number}" for number in range(len(asked))), *tables_of(asked_site)]
    assert small_differences(groups, named) == []


def test_a_question_is_near_a_public_group_in_secret(site: Site) -> None:
    """From the threshold to twice as many people away the number of a public group stands for another's."""
    ledger = Ledger(site)
    people = np.arange(1, 401, dtype=np.int64)
    places = ledger.places(people)
    group = Family.of("t 0", len(places), [places[:200]], np.array([True]), np.array([200]))
    ledger.publish("t", [group], actor="test")
    for less, status in ((0, "held"), (1, "held"), (9, "held"), (20, "shown")):
        answer = ledger.ask(
            str(less), people[: 200 - less], lambda: people, release="2026.1", asker=ANN, rules=RULES
        )
        assert answer.status == status, less
    assert (
        ledger.ask("rest", people[180:205], lambda: people, release="2026.1", asker=BEN, rules=RULES).people
        == 25
    )
