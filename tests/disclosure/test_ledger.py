"""The ledger of questions: played against by an attacker, and held to plain linear algebra."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.disclosure import Rules, safe_count
from lockgate.disclosure.inference import Question, apart, atoms, judge, shared, size, worked_out
from lockgate.disclosure.ledger import MOST_QUESTIONS, Asker, Ledger
from lockgate.errors import LockgateError, Refused
from lockgate.site import Site

_spec = importlib.util.spec_from_file_location("attacker", Path(__file__).with_name("attacker.py"))
assert _spec is not None and _spec.loader is not None
attacker: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(attacker)

RULES = Rules()
PEOPLE = 3000
AGES = 10
SEEDS = [2, 3, 8]  # hospitals in which every attack succeeds where nothing stops it
ANN = Asker("ann")


class Hospital:
    """Invented people: an age group each, a sex that isn't always stated, one condition and a rare one."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.ids = np.sort(random.choice(10**9, PEOPLE, replace=False)).astype(np.int64)
        self.age = random.integers(0, AGES, PEOPLE)
        self.sex = random.choice([0, 1, 2], PEOPLE, p=[0.48, 0.48, 0.04])
        self.asthma = random.random(PEOPLE) < 0.02 + 0.015 * self.age
        self.rare = np.zeros(PEOPLE, dtype=bool)
        self.rare[random.choice(np.flatnonzero(self.asthma & (self.age > 3)), 4, replace=False)] = True


def bare(hospital: Hospital) -> Any:
    """Counts with suppression and rounding, and nothing else: the ledger is off."""

    def ask(name: str, inside: np.ndarray) -> tuple[str, int | None]:
        told = safe_count(int(inside.sum()), RULES)
        return ("shown", told) if isinstance(told, int) else ("withheld", None)

    return ask


def guarded(hospital: Hospital, site: Site) -> Any:
    """Counts through the ledger."""
    ledger = Ledger(site)

    def ask(name: str, inside: np.ndarray) -> tuple[str, int | None]:
        answer = ledger.ask(
            name, hospital.ids[inside], lambda: hospital.ids, release="2026.1", asker=ANN, rules=RULES
        )
        return answer.status, answer.people

    return ask


def windows(hospital: Hospital, ask: Any, *, ledger: bool) -> list[tuple[tuple[int, int], int]]:
    """Neighbouring ages and narrow windows: every window of every width."""
    group = hospital.asthma
    ruler = attacker.measure(ask, "asthma", group, hospital.age, AGES, RULES, ledger=ledger)
    return [
        (ruler.window(a, b - 1), int((group & (hospital.age >= a) & (hospital.age < b)).sum()))
        for a, b in combinations(range(AGES + 1), 2)
    ]


def by_sex(hospital: Hospital, ask: Any, *, ledger: bool) -> list[tuple[tuple[int, int], int]]:
    """Split by sex and subtract: those whose sex isn't stated, window by window."""
    groups = [hospital.asthma, hospital.asthma & (hospital.sex == 0), hospital.asthma & (hospital.sex == 1)]
    rulers = [
        attacker.measure(ask, f"asthma, sex {number}", group, hospital.age, AGES, RULES, ledger=ledger)
        for number, group in enumerate(groups)
    ]
    found = []
    for a, b in combinations(range(AGES + 1), 2):
        every, women, men = (ruler.window(a, b - 1) for ruler in rulers)
        bounds = max(every[0] - women[1] - men[1], 0), every[1] - women[0] - men[0]
        left = hospital.asthma & (hospital.sex == 2) & (hospital.age >= a) & (hospital.age < b)
        found.append((bounds, int(left.sum())))
    return found


def padded(hospital: Hospital, ask: Any, *, ledger: bool) -> list[tuple[tuple[int, int], int]]:
    """A rare group joined to groups of known size."""
    others = hospital.asthma & ~hospital.rare
    ruler = attacker.measure(ask, "asthma, not rare", others, hospital.age, AGES, RULES, ledger=ledger)
    bounds = attacker.by_padding(
        ask, "rare", hospital.rare, others, hospital.age, ruler, RULES, ledger=ledger
    )
    return [(bounds, int(hospital.rare.sum()))]


def removed(hospital: Hospital, ask: Any, *, ledger: bool) -> list[tuple[tuple[int, int], int]]:
    """Definitions a person or a few apart, for each of the rare group and for all; and complements."""
    ruler = attacker.measure(ask, "asthma", hospital.asthma, hospital.age, AGES, RULES, ledger=ledger)
    found = []
    targets = [hospital.rare, np.arange(PEOPLE) == np.flatnonzero(hospital.rare)[0]]
    for number, target in enumerate(targets):
        bounds = attacker.by_removal(
            ask, f"target {number}", target, hospital.asthma, hospital.age, ruler, RULES, ledger=ledger
        )
        whole, rest = ask("everybody", np.ones(PEOPLE, bool)), ask(f"all but target {number}", ~target)
        whole_b, rest_b = (attacker.behind(*one, RULES, ledger=ledger) for one in (whole, rest))
        bounds = (
            max(bounds[0], whole_b[0] - rest_b[1]),
            min(bounds[1], whole_b[1] - rest_b[0], attacker.behind(*ask(f"target {number}", target), RULES,
                                                                  ledger=ledger)[1]),
        )  # fmt: skip
        found.append((bounds, int(target.sum())))
    return found


ATTACKS = [windows, by_sex, padded, removed]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_without_the_ledger_small_counts_are_worked_out(attack: Any, seed: int) -> None:
    hospital = Hospital(seed)
    found = attack(hospital, bare(hospital), ledger=False)
    assert all(low <= truth <= high for (low, high), truth in found), "the attacker's arithmetic is right"
    assert any(attacker.pinned(bounds, RULES) and truth > 0 for bounds, truth in found)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_with_the_ledger_none_is(attack: Any, seed: int, tmp_path: Path) -> None:
    """Nor is one narrowed to fewer than six values."""
    site = Site.init(
        tmp_path / "site", name="Test Hospital", seed=f"hospital {seed}"
    )  # the same guards each time
    hospital = Hospital(seed)
    found = attack(hospital, guarded(hospital, site), ledger=True)
    assert all(low <= truth <= high for (low, high), truth in found), "the attacker's arithmetic is right"
    assert [
        high - low for (low, high), truth in found if 0 < truth < RULES.threshold and high - low < 5
    ] == []
    told = {entry.status for entry in Ledger(site).entries()}
    assert "shown" in told and told & {"held", "refused"}, "it answers what it can, and stops the rest"


def bits(*people: int, of: int = 64) -> np.ndarray:
    inside = np.zeros(of, dtype=bool)
    inside[list(people)] = True
    return np.packbits(inside)


def test_sets_of_different_lengths_are_compared_whole() -> None:
    short, long = bits(1, 2, of=8), bits(1, 3, 60)
    assert (size(long), apart(short, long), apart(long, short), shared(short, long)) == (3, 3, 3, 1)


def test_a_group_and_its_parts_are_told_until_the_last_gives_a_small_one_away() -> None:
    whole, men = bits(*range(60)), bits(*range(25))
    women = bits(*range(25, 54))  # six people of neither
    asked = [Question(1, whole, "shown", 10), Question(2, men, "shown", 10)]
    assert judge(women, asked, RULES).status == "refused"
    assert judge(women, asked, RULES).because == (1, 2)
    assert judge(bits(*range(25, 60)), asked, RULES).status == "shown", "nobody is left over"
    assert judge(women, asked[:1], RULES).status == "shown"


def test_withheld_parts_of_a_group_that_they_must_fill_are_not_all_told() -> None:
    """24 people in three parts of fewer than ten each: eight at least would be six at least."""
    asked = [Question(1, bits(*range(24)), "shown", 10)]
    asked += [Question(2, bits(*range(8)), "withheld", 10), Question(3, bits(*range(8, 16)), "withheld", 10)]
    assert judge(bits(*range(16, 24)), asked, RULES).status == "refused"
    assert judge(bits(*range(8, 16)), asked[:2], RULES).status == "withheld"


def test_a_question_near_an_earlier_one_has_its_answer() -> None:
    asked = [Question(7, bits(*range(40)), "shown", 12)]
    assert judge(bits(*range(29)), asked, RULES) == judge(bits(*range(51)), asked, RULES)
    assert judge(bits(*range(29)), asked, RULES).of == 7
    assert judge(bits(*range(28)), asked, RULES).status == "shown", "twelve apart is far enough"
    few = [Question(7, bits(1, 2), "withheld", 12)]
    assert judge(bits(*range(1, 12)), few, RULES).of == 7
    assert judge(bits(*range(20, 31)), few, RULES).status == "shown", "they share nobody"


def rank(rows: list[list[Fraction]]) -> int:
    rows, found = [list(row) for row in rows], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            times = rows[i][column] / rows[found][column]
            rows[i] = [a - times * b for a, b in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 2**12 - 1), min_size=1, max_size=6))
def test_small_sums_are_found_exactly(asked: list[int]) -> None:
    """Against every group under the threshold: whether its indicator is in the span of the questions."""
    rules = Rules(threshold=3, rounding=1)
    sets = [
        np.packbits(np.array([number >> place & 1 for place in range(12)], dtype=bool)) for number in asked
    ]
    cut, sizes = atoms(sets)
    rows = [[Fraction(int(cell)) for cell in row] for row in cut]
    given_away = False
    for chosen in range(1, 3):
        for groups in combinations(range(len(sizes)), chosen):
            if sizes[list(groups)].sum() < 3:
                target = [Fraction(int(group in groups)) for group in range(len(sizes))]
                given_away |= rank([*rows, target]) == rank(rows)
    earlier = [Question(number, one, "shown", 0) for number, one in enumerate(sets[:-1], 1)]
    assert (worked_out(sets[-1], "shown", earlier, rules) is not None) == given_away


# The durable ledger


def ask(site: Site, key: str, people: range, asker: Asker = ANN, release: str = "2026.1") -> Any:
    everyone = np.arange(1, 201, dtype=np.int64)
    return Ledger(site).ask(
        key, np.array(people, dtype=np.int64), lambda: everyone, release=release, asker=asker, rules=RULES
    )


def test_answers_are_rounded_kept_and_audited_without_the_number(site: Site) -> None:
    first = ask(site, "a", range(1, 44))
    assert (first.status, first.people, first.text, first.question) == ("shown", 45, "45", 2)
    assert ask(site, "a", range(1, 44)) == first == Ledger(site).recall("a", "2026.1", ANN, RULES)
    few = ask(site, "b", range(100, 104))
    assert (few.status, few.people, few.text) == ("withheld", None, "fewer than 10, or near it")
    assert ask(site, "none", range(0)).text == few.text, "nobody is told as few"
    noted = list(site.audit.entries("ledger.asked"))
    assert [entry.detail["question"] for entry in noted] == [1, 2, 3, 4]
    assert [entry.detail["line"] for entry in noted] == [entry.hash for entry in Ledger(site).entries()]
    assert all("shown" not in entry.detail and "people" not in entry.detail for entry in noted)
    assert site.audit.verify() == []
    for path in [site.path / "ledger", *(site.path / "ledger").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_everybody_but_a_few_is_told_as_everybody(site: Site) -> None:
    answer = ask(site, "not those", range(1, 195))
    assert (answer.status, answer.people) == ("held", 200)
    assert "fewer than 20 people away" in answer.reason


def test_a_release_that_a_few_people_left_tells_the_old_number(site: Site) -> None:
    ask(site, "a", range(1, 44))
    assert ask(site, "a", range(1, 41), release="2026.2").status == "held"


@pytest.mark.parametrize(("questions", "status"), [("project", "shown"), ("everyone", "held")])
def test_whose_questions_count(site: Site, questions: str, status: str) -> None:
    config = site.path / "site.toml"
    config.write_text(config.read_text().replace("[disclosure]", f'[disclosure]\nquestions = "{questions}"'))
    site = Site.open(site.path)
    ask(site, "a", range(1, 44))
    assert ask(site, "b", range(1, 47), Asker("ben")).status == status, "a stranger's"
    assert ask(site, "c", range(1, 49), Asker("cat", "p1", frozenset({"ann"}))).status == "held"
    assert ask(site, "d", range(1, 51), Asker("dan", "p1")).status == "held", "the project's"


def test_a_ledger_that_was_changed_answers_nothing(site: Site) -> None:
    ask(site, "a", range(1, 44))
    lines = Ledger(site).lines
    whole = lines.read_text()
    lines.write_text(whole.replace('"shown":45', '"shown":40'))
    with pytest.raises(LockgateError, match="was changed"):
        ask(site, "b", range(1, 60))
    lines.write_text("".join(whole.splitlines(keepends=True)[1:]))
    with pytest.raises(LockgateError, match="was changed"):
        ask(site, "b", range(1, 60))
    lines.write_text(whole + '{"number": 3, "cut')
    assert ask(site, "b", range(60, 120)).status == "shown", "a line that a crash cut off was told to nobody"


def test_what_a_crash_kept_from_the_audit_chain_is_noted_later(site: Site) -> None:
    ask(site, "a", range(1, 44))
    (site.path / "ledger" / "noted").write_text("1")
    ask(site, "b", range(60, 120))
    assert [entry.detail["question"] for entry in site.audit.entries("ledger.asked")] == [1, 2, 2, 3]


def test_a_pool_asks_only_so_many_questions(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockgate.disclosure.ledger.MOST_QUESTIONS", 2)
    ask(site, "a", range(1, 44))
    with pytest.raises(Refused, match="different questions"):
        ask(site, "b", range(60, 120))
    assert ask(site, "a", range(1, 44)).people == 45, "an old one is answered still"
    assert MOST_QUESTIONS == 500
