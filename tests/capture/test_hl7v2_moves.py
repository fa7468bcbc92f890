"""Visits moved, renumbered and merged (A35, A41, A42, A44, A45, A49, A50): what names them follows, in every order."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.capture import capture_hl7v2, latest_view, list_held, retry_held, status
from lockgate.capture.hl7v2.moves import standing_numbers
from lockgate.engine import Engine
from lockgate.site import Site

TABLES = ("encounter", "encounter_move", "result", "report", "document", "condition", "specimen")


def adt(event: str, at: int, patient: str, visit: str, *more: str, account: str = "") -> str:
    """An ADT message of 1 March 2024, ``at`` minutes after nine."""
    when = f"20240301{9 + at // 60:02d}{at % 60:02d}00"
    pid = "|".join(["PID", "1", "", f"{patient}^^^RXX^MR", "", "DOE^JO", *[""] * 12, account]).rstrip("|")
    pv1 = ["|".join(["PV1", "1", "I", "W7", *[""] * 15, visit])] if visit else []
    mrg = [one for one in more if one.startswith("MRG")]
    rest = [one for one in more if not one.startswith("MRG")]
    head = f"MSH|^~\\&|PAS|RXX|||{when}||ADT^{event}|{event}{at}|P|2.5.1"
    return "\r".join([head, f"EVN|{event}|{when}", pid, *mrg, *pv1, *rest])


def oru(
    number: int, value: str, patient: str, visit: str, *, status: str = "F", at: str = "20240301110000"
) -> str:
    """A result of a visit with a comment on it and a specimen."""
    return "\r".join(
        [
            f"MSH|^~\\&|LAB|RXX|||{at}||ORU^R01|R{number}{value}|P|2.5.1",
            f"PID|1||{patient}^^^RXX^MR||DOE^JO",
            "|".join(["PV1", "1", "I", *[""] * 16, visit]),
            f"OBR|1|{number}|L{number}|UE^U&E|||202403010930|||||||202403011015|BLD|||||||{at}||CH|{status}",
            f"OBX|1|NM|NA^Sodium||{value}|mmol/L|133-146|N|||{status}",
            "NTE|1||haemolysed",
        ]
    )


DG1 = "DG1|1||I10^Hypertension^I10||20240301|A"
A01, A02 = adt("A01", 0, "P1", "V1", DG1), adt("A01", 0, "P2", "V2")
MOVES: dict[str, tuple[list[str], str, str]] = {
    "moved": ([adt("A45", 60, "P2", "V1", "MRG|P1^^^RXX^MR||||V1")], "P2", "V1"),
    "moved, other number": ([adt("A45", 60, "P2", "V3", "MRG|P1^^^RXX^MR||||V1")], "P2", "V3"),
    "renumbered": ([adt("A50", 60, "P1", "V3", "MRG|P1^^^RXX^MR||||V1")], "P1", "V3"),
    "merged": ([adt("A42", 60, "P2", "V2", "MRG|P1^^^RXX^MR||||V1")], "P2", "V2"),
    "renumbered and back": (
        [
            adt("A50", 60, "P1", "V3", "MRG|P1^^^RXX^MR||||V1"),
            adt("A50", 70, "P1", "V1", "MRG|P1^^^RXX^MR||||V3"),
        ],
        "P1",
        "V1",
    ),
    "renumbered, then moved": (
        [
            adt("A50", 60, "P1", "V3", "MRG|P1^^^RXX^MR||||V1"),
            adt("A45", 70, "P2", "V4", "MRG|P1^^^RXX^MR||||V3"),
        ],
        "P2",
        "V4",
    ),
}


def captured(site: Site, folder: Path, batches: Sequence[Sequence[str]]) -> dict[str, list[dict[str, Any]]]:
    """What holds after these batches, without what names batch and item."""
    folder.mkdir(exist_ok=True, parents=True)
    for number, texts in enumerate(batches):
        path = folder / f"{number}.hl7"
        path.write_text("\r".join(texts), newline="")
        capture_hl7v2(site, path, source="pas", actor="test")
    assert status(site)["adds_up"]
    with Engine() as engine:
        return {
            table: engine.arrow(
                f"SELECT * EXCLUDE (batch_id, item_hash) FROM {latest_view(engine, site, table)} ORDER BY record_id"
            ).to_pylist()
            for table in TABLES
        }


def test_what_names_a_visit_follows_it_in_every_order_of_arrival(site: Site, tmp_path: Path) -> None:
    # Every kind of change in several orders, each with people, visits and orders of its own, all captured together:
    # the first message of each order is the first batch, and so on; the last order comes as one batch.
    batches: list[list[str]] = [[], [], [], [], []]
    wanted, first = {}, {}
    for kind, (changes, person, number) in enumerate(MOVES.values()):
        texts = [A01, *changes, oru(1, "140", "P1", "V1", status="P"), oru(1, "141", "P1", "V1", status="C")]
        if "V2" in number:
            texts.append(A02)
        orders = list(itertools.permutations(range(len(texts))))
        for place, order in enumerate([orders[0], *orders[1::5], orders[-1], orders[0]]):
            mark = f"k{kind}o{place}y"
            wanted[mark] = person, number
            for turn, one in enumerate(order):
                text = re.sub(r"\b([PV][1-9]|L1|UE)\b", rf"\1{mark}", texts[one])
                batches[turn if place <= len(orders[1::5]) + 1 else 0].append(text)
    found = captured(site, tmp_path / "in", batches)
    for mark, (person, number) in wanted.items():
        own = {
            table: [
                {name: v.replace(mark, "") if isinstance(v, str) else v for name, v in row.items()}
                for row in rows
                if mark in row["record_id"]
            ]
            for table, rows in found.items()
        }
        for table in ("result", "report", "document", "condition"):
            assert [(row["patient_ref"], row["encounter_ref"]) for row in own[table]] == [(person, number)]
        assert [row["value_number"] for row in own["result"]] == [141.0]
        assert [row["patient_ref"] for row in own["specimen"]] == [person]
        assert [row["record_id"] for row in own["condition"]] == [f"{number}|I10|A"]
        (visit,) = own["encounter"]
        assert (visit["record_id"], visit["patient_ref"]) == (number, person)
        assert f"{visit['start_at']:%H:%M}" == "09:00"  # admitted under the number it had then
        assert {row["patient_ref"] for row in own["encounter_move"]} == {person}
        for row in own["condition"]:  # a name in use again is a microsecond later than its tombstone
            row["version_at"] = row["version_at"].replace(microsecond=0)
        first = own if mark.endswith("o0y") else first
        assert own == first, mark


def test_a_diagnosis_said_again_under_the_new_number_is_one_diagnosis(site: Site, tmp_path: Path) -> None:
    again = adt("A08", 90, "P1", "V3", DG1)
    change = adt("A50", 60, "P1", "V3", "MRG|P1^^^RXX^MR||||V1")
    end = captured(site, tmp_path / "in", [[A01], [again], [change]])
    assert [row["record_id"] for row in end["condition"]] == ["V3|I10|A"]


def test_what_was_moved_stays_moved_and_is_staged_anew_once(site: Site, tmp_path: Path) -> None:
    move = MOVES["moved, other number"][0][0]
    late = [oru(2, "138", "P1", "V1"), oru(3, "139", "P2", "V3"), oru(4, "137", "P9", "V9")]
    captured(
        site, tmp_path / "in", [[A01, adt("A01", 0, "P9", "V9")], [oru(1, "140", "P1", "V1")], [move], late]
    )
    captured(site, tmp_path / "more", [[adt("A08", 100, "P2", "V3")], [adt("A08", 110, "P2", "V3")]])
    with Engine() as engine:
        view = latest_view(engine, site, "result")
        rows = engine.rows(f"SELECT record_id, patient_ref, encounter_ref FROM {view} ORDER BY record_id")
        assert [row[1:] for row in rows] == [("P2", "V3")] * 3 + [("P9", "V9")]
        assert engine.one("SELECT count(*) FROM staged_result") == 5  # four, and the one that was moved


def test_account_events_are_of_visits_where_visits_are_numbered_by_account(
    site: Site, tmp_path: Path
) -> None:
    def of(event: str, at: int, patient: str, account: str, mrg: str) -> str:
        return adt(event, at, patient, "", mrg, account=account)

    begun = [
        adt("A01", 0, patient, "", "PV1|1|I|W7", account=account)
        for patient, account in (("P1", "V1"), ("P2", "V2"), ("P3", "V3"), ("P4", "V4"))
    ]
    changes = [
        of("A44", 60, "P2", "V1", "MRG|P1^^^RXX^MR||V1"),
        of("A41", 60, "P2", "V1", "MRG|P2^^^RXX^MR||V2"),
        of("A49", 60, "P3", "V7", "MRG|P3^^^RXX^MR||V3"),
        of("A35", 60, "P3", "V7", "MRG|P4^^^RXX^MR||V4"),
    ]
    end = captured(site, tmp_path / "in", [changes[:2], begun, changes[2:]])
    assert [(row["record_id"], row["patient_ref"]) for row in end["encounter"]] == [
        ("V1", "P2"),
        ("V7", "P3"),
    ]


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        (adt("A44", 1, "P2", "V1", "MRG|P1^^^RXX^MR||A1", account="A1"), "unknown-message", "account"),
        (adt("A41", 1, "P2", "V1", "MRG|P1^^^RXX^MR||A1", account="A2"), "unknown-message", "account"),
        (adt("A43", 1, "P2", "", "MRG|P1^^^RXX^MR"), "unknown-message", "not told"),
        (adt("A51", 1, "P2", "V1", "MRG|P1^^^RXX^MR|||||X"), "unknown-message", "alternate visit"),
        (adt("A42", 1, "P2", "V1", "MRG|P1^^^RXX^MR"), "missing-required", "MRG-5"),
        (adt("A50", 1, "P2", "", "MRG|P1^^^RXX^MR||||V2"), "no-id", "PV1-19"),
    ],
)
def test_changes_that_tell_of_no_visit_are_held_and_say_why(
    site: Site, tmp_path: Path, text: str, reason: str, detail: str
) -> None:
    assert captured(site, tmp_path / "in", [[text]])["encounter"] == []
    counts, (held,) = list_held(site)
    assert counts == {reason: 1}
    assert detail in (held.detail or "")


def test_an_account_event_alone_makes_no_visit(site: Site, tmp_path: Path) -> None:
    text = adt("A49", 1, "P1", "", "MRG|P1^^^RXX^MR||A1", account="A2")
    assert captured(site, tmp_path / "in", [[text]])["encounter"] == []
    assert list_held(site)[0] == {}


def test_messages_of_training_and_debugging_never_reach_the_research_data(site: Site, tmp_path: Path) -> None:
    texts = [
        A01.replace("|P|2.5.1", f"|{letter}|2.5.1").replace("|A010|", f"|{letter}9|") for letter in "TDPX"
    ]
    blank = A01.replace("|P|2.5.1", "||2.5.1").replace("P1^", "P7^").replace("|V1", "|V7")
    end = captured(site, tmp_path / "in", [[*texts, blank]])
    assert [row["record_id"] for row in end["encounter"]] == ["V1", "V7"]
    assert list_held(site)[0] == {"not-production": 3}
    path = site.path / "site.toml"
    path.write_text(path.read_text() + '\n[hl7v2]\nprocessing_ids = ["P", "T"]\n')
    assert sum(result.recovered for result in retry_held(Site.open(site.path), actor="test")) == 1


CHANGE = st.tuples(
    st.sampled_from("ABCDE"),
    st.sampled_from("ABCDE"),
    st.sampled_from(["move_visit", "merge_visit", "renumber_visit"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CHANGE, max_size=8))
def test_numbers_that_were_joined_stand_for_one_visit(changes: list[tuple[str, str, str]]) -> None:
    found = standing_numbers(changes)
    group = {name: {name} for name in "ABCDE"}
    for prior, number, _ in changes:
        joined = group[prior] | group[number]
        for name in joined:
            group[name] = joined
    assert set(found) == {name for change in changes for name in change[:2]}
    for number, (standing, _) in found.items():
        assert {found[other][0] for other in group[number]} == {standing}
        assert found[standing] == (standing, True)
    if changes and all(prior != number for prior, number, _ in changes[-1:]):
        prior, number, _ = changes[-1]
        assert found[prior][0] == found[number][0]
