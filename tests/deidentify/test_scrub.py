"""The gate around the engine: the residual audit, unreadable notes, tables and files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from lockgate.cli import run
from lockgate.deidentify.text import SCRUBBED, Known, scrub, scrub_file, scrub_note
from lockgate.deidentify.text.audit import CHECKS, residue
from lockgate.deidentify.text.scrub import REASONS
from lockgate.errors import LockgateError
from lockgate.schema.text import LONGEST

ROW = {
    "patient_id": "7",
    "given_name": "Amina",
    "family_name": "Wheeler",
    "nhs_number": "9434765919",
    "local_number": "RYJ18417739",
    "birth_date": date(1950, 3, 17),
    "address_line": "32 Battlefield Road",
    "postcode": "SY18 6AA",
    "phone": ["07700 900657"],
    "email": "a.w@example.org",
}
AMINA = Known.from_rows([ROW])


@pytest.mark.parametrize(
    ("left", "check"),
    [
        ("call 0-77-00-90-06-57", "number"),
        ("no 943/476/5919 x", "number"),
        ("id RYJ-184-17739", "number"),
        ("near sy 18 6 aa", "postcode"),
        ("32, battlefield  road", "address"),
        ("A.W@EXAMPLE.ORG", "email"),
        ("file amina_wheeler.pdf", "full-name"),
        ("17031950", "birth-date"),
        ("mrs WHEELER", "name"),
        ("all is well, NEWS 3, 14:30, [NAME] [PHONE]", None),
        ("[NAME]943476[NAME]5919", None),  # what stands on two sides of a tag is not one number
    ],
)
def test_the_audit_finds_what_is_left(left: str, check: str | None) -> None:
    assert residue(left, AMINA) == check
    assert check is None or (check in CHECKS and f"own-{check}" in REASONS)


def test_an_everyday_word_or_an_eponym_is_no_residue_alone() -> None:
    known = Known.from_rows([{"given_name": "Will", "family_name": "Parkinson"}])
    assert residue("Will need review. Parkinson's disease", known) is None
    assert residue("Known Parkinson’s, on co-careldopa", known) is None
    for left in ("Mrs Parkinson slept well", "seen: parkinson, bed 4", "Parkinson's wife rang", "PARKINSON"):
        assert residue(left, known) == "name", left
    assert residue("will parkinson", known) == "full-name"


def test_a_note_that_fails_the_audit_is_withheld_with_the_kind_not_the_value() -> None:
    note = scrub_note("scan saved as aminaWheelerscan.pdf", AMINA)
    assert note.text is None
    assert note.reason == "own-full-name"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no-text"),
        ("a\x00b", "null-bytes"),
        ("Jos\ufffd Garcia", "broken-encoding"),
        ("JosÃ© Garcia", "broken-encoding"),
        ("donâ€™t", "broken-encoding"),
        ("x" * (LONGEST + 1), "too-long"),
    ],
)
def test_unreadable_notes_are_withheld(text: str | None, reason: str) -> None:
    note = scrub_note(text)
    assert (note.text, note.reason) == (None, reason)
    assert reason in REASONS


@pytest.mark.parametrize("text", ["", " ", "ok", "\n\n"])
def test_short_and_empty_notes_pass(text: str) -> None:
    assert scrub_note(text, AMINA).text == text


def test_tables_keep_their_order_and_their_schema() -> None:
    notes = pa.table(
        {
            "document_id": ["b", "a", "c"],
            "patient_id": ["7", "8", None],
            "text": ["Amina is well", "Amina is well", None],
        }
    )
    done = scrub(notes, pa.Table.from_pylist([ROW]))
    assert done.schema.equals(SCRUBBED)
    assert done["document_id"].to_pylist() == ["b", "a", "c"]
    assert done["text"].to_pylist()[0] == "[NAME] is well"
    assert done["spans"].to_pylist()[0] == [{"begin": 0, "end": 5, "kind": "NAME", "own": True}]
    assert done["residual"].to_pylist() == [False, True, True]
    assert done["reason"].to_pylist() == [None, "unknown-patient", "no-text"]
    assert len(scrub(notes.slice(0, 0))) == 0


def test_several_rows_of_a_person_all_count() -> None:
    known = pa.Table.from_pylist(
        [ROW | {"birth_date": None}, {"patient_id": "7", "family_name": "Okonjo", "phone": ["07700 900111"]}]
    )
    notes = pa.table({"document_id": ["1"], "patient_id": ["7"], "text": ["okonjo, 07700900111, wheeler"]})
    assert scrub(notes, known)["text"].to_pylist() == ["[NAME], [PHONE], [NAME]"]


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes, people, out = tmp_path / "n.jsonl", tmp_path / "p.jsonl", tmp_path / "o.jsonl"
    lines = [
        json.dumps({"document_id": 1, "patient_id": 7, "text": "Amina is well", "author": "Dr X"}),
        "this is no JSON",
        json.dumps({"document_id": "z", "text": "a\x00b"}),
        json.dumps({"document_id": "y", "text": 12}),
        "",
    ]
    notes.write_bytes("\n".join(lines).encode() + b'\n{"document_id": "l", "text": "Jos\xe9"}\n')
    known = {"id": 7, "p": {"first": "Amina", "last": "Wheeler"}, "dob": [1950, 3, 17], "nhs": "9434765919"}
    people.write_text(json.dumps(known) + "\n")
    assert run(["scrub", str(notes), "--known", str(people), "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["notes"], result["scrubbed"], result["withheld"]) == (5, 1, 4)
    assert result["reasons"] == {"not-a-note": 1, "null-bytes": 1, "no-text": 1, "broken-encoding": 1}
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert written[0] == {
        "document_id": 1,
        "patient_id": 7,
        "text": "[NAME] is well",
        "spans": [[0, 5, "NAME"]],
    }
    assert [line["text"] for line in written[1:]] == [None] * 4
    assert written[1]["document_id"] == "line-2"


def test_people_that_cannot_be_read_stop_the_work_and_name_the_line(tmp_path: Path) -> None:
    notes, people = tmp_path / "n.jsonl", tmp_path / "p.jsonl"
    notes.write_text('{"document_id": 1, "text": "x"}\n')
    for content, problem in (
        ("{}\n", "no patient_id"),
        ("nope\n", "not JSON"),
        ("[]\n", "no JSON object|not a JSON"),
    ):
        people.write_text('{"patient_id": 1}\n' + content)
        with pytest.raises(LockgateError, match=problem) as error:
            scrub_file(notes, tmp_path / "o.jsonl", known=people)
        assert error.value.where.endswith("p.jsonl:2")
