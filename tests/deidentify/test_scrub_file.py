"""``lockgate scrub`` on files as they come: broken, huge, compressed, twice the same, in either form."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.deidentify.text import scrub_file
from lockgate.deidentify.text.scrubfile import ALL_REASONS
from lockgate.errors import UsageError

AMINA = {
    "patient_id": "7",
    "given_name": "Amina",
    "family_name": "Wheeler",
    "nhs_number": "9434765919",
    "birth_date": "1950-03-17",
}
BEN = {"patient_id": "8", "given_name": "Ben", "family_name": "Okonjo", "birth_date": "1961-01-02"}


def write(path: Path, *rows: Any) -> Path:
    """Rows as JSON lines; bytes as they are."""
    path.write_bytes(
        b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)
    )
    return path


def read(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def note(document: object, text: object, patient: object = None, **more: object) -> dict[str, object]:
    return {"document_id": document, "text": text} | ({"patient_id": patient} if patient else {}) | more


def test_every_line_is_scrubbed_or_withheld_with_a_reason_and_the_counts_add_up(tmp_path: Path) -> None:
    people = write(tmp_path / "p.jsonl", AMINA, BEN)
    notes = write(
        tmp_path / "n.jsonl",
        b"\xef\xbb\xbf" + json.dumps(note("a", "Amina is well", "7")).encode(),
        note("b", ""),
        note("c", "ok", "7"),
        note("d", "a\x00b", "7"),
        note("e", None, "7"),
        {"text": "Amina Wheeler is well", "patient_id": "7"},
        {"document_id": "g", "patient_id": "7"},
        note("a", "Amina is better", "7"),
        note("h", "Mrs Nobody is well", "99"),
        note("i", "Patient: Joseph Harding\nDOB: 02/04/1961", "7"),
        note("j", "Pacjent czuje się dobrze", "8"),
        note("k", "المريض محمد بخير"),
        note("l", "Dr Harding rang"),
        b"not json",
        b"[1, 2]",
        b'{"document_id": "m", "text": "Jos\xe9"}',
        b'{"document_id": "\\ud800", "text": "lone \\ud800 half"}',
        b"[" * 100_000,
        note({"no": "id"}, "Ben Okonjo rang", ["8"]),
        note("n", "y" * 5_000_001),
        note("o", 12),
        note("p", "JosÃ© donâ€™t"),
        b"",
    )
    out = tmp_path / "o.jsonl"
    result = scrub_file(notes, out, known=people)
    lines = read(out)
    assert (result.notes, len(lines)) == (22, 22)
    assert result.notes == result.scrubbed + result.withheld
    assert result.withheld == sum(result.reasons.values())
    reasons = Counter(line.get("reason") for line in lines if line["text"] is None)
    many = {"no-text": 3, "not-a-note": 3, "broken-encoding": 3}
    once = [
        "null-bytes",
        "duplicate-id",
        "unknown-patient",
        "another-patient",
        "other-language",
        "other-script",
        "too-long",
    ]
    assert reasons == result.reasons == many | dict.fromkeys(once, 1)
    assert set(reasons) <= set(ALL_REASONS)
    assert all(("reason" in line) == (line["text"] is None) for line in lines)
    assert [line["text"] for line in lines if line["text"] is not None] == [
        "[NAME] is well", "", "ok", "[NAME] is well", "Dr [STAFF] rang", "[NAME] rang"
    ]  # fmt: skip
    assert result.without_record == 3  # "b", "l" and the one whose patient_id is a list
    assert "line-6" in [line["document_id"] for line in lines]


@pytest.mark.parametrize("as_", ["tags", "surrogates"])
@pytest.mark.parametrize("dates", ["tag", "shift", "month", "year", "exact", None])
def test_both_forms_and_every_policy_of_dates(
    tmp_path: Path, as_: str, dates: str | None, capsys: Any
) -> None:
    people, key = write(tmp_path / "p.jsonl", AMINA, BEN), tmp_path / "key"
    key.write_text("0" * 32)
    text = "Amina Wheeler seen on 01/03/2024 and 15 March 2024."
    notes = write(
        tmp_path / "n.jsonl", note(1, text, "7"), note(2, text.replace("Amina Wheeler", "Ben Okonjo"), "8")
    )
    arguments = ["scrub", str(notes), "--known", str(people), "--key", str(key), "--as", as_, "--json"]
    arguments += ["--dates", dates] if dates else []
    outs = []
    for again in range(2):
        out = tmp_path / f"o{again}.jsonl"
        assert run([*arguments, "--out", str(out)]) == 0
        outs.append(read(out))
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outs[0] == outs[1]
    treated = dates or ("shift" if as_ == "surrogates" else "tag")
    assert (result["form"], result["dates"]) == (as_, treated)
    one, two = outs[0]
    assert [text[begin:end] for begin, end, _ in one["spans"]] == [
        "Amina Wheeler",
        "01/03/2024",
        "15 March 2024",
    ]
    name, first, second = re.fullmatch(r"(.*) seen on (.*) and (.*)\.", one["text"]).groups()  # type: ignore[union-attr]
    assert (name == "[NAME]") == (as_ == "tags") and "Amina" not in name and "Wheeler" not in name
    wanted = {"tag": ("[DATE]", "[DATE]"), "exact": ("01/03/2024", "15 March 2024"), "year": ("2024", "2024"),
              "month": ("03/2024", "March 2024")}  # fmt: skip
    if treated != "shift":
        assert (first, second) == wanted[treated]
        return
    days = [datetime.strptime(first, "%d/%m/%Y"), datetime.strptime(second, "%d %B %Y")]
    assert (days[1] - days[0]).days == 14 and days[0] != datetime(2024, 3, 1)
    assert first not in two["text"]  # the other patient has other days


def test_a_drawn_key_gives_others_each_time_and_is_not_told(tmp_path: Path) -> None:
    notes = write(tmp_path / "n.jsonl", *(note(n, "Mr Harding rang on 01/03/2024") for n in range(9)))
    made = set()
    for n in range(2):
        assert run(["scrub", str(notes), "--out", str(tmp_path / f"{n}.jsonl"), "--as", "surrogates"]) == 0
        made.add((tmp_path / f"{n}.jsonl").read_text())
    assert len(made) == 2


def test_compressed_files_go_in_and_out(tmp_path: Path) -> None:
    plain = write(tmp_path / "n.jsonl", note("a", "Amina is well", "7"))
    packed, people = tmp_path / "n.jsonl.gz", write(tmp_path / "p.jsonl", AMINA)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    scrub_file(packed, tmp_path / "o.jsonl.gz", known=people)
    assert [line["text"] for line in read(tmp_path / "o.jsonl.gz")] == ["[NAME] is well"]
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(UsageError, match="gzip"):
        scrub_file(packed, tmp_path / "cut.jsonl", known=people)
    assert not list(tmp_path.glob("*cut*")) and not list(tmp_path.glob(".*partial"))


def test_wrong_use_is_told_and_nothing_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes, short = write(tmp_path / "n.jsonl", note("a", "x")), tmp_path / "key"
    short.write_text("short")
    for arguments in (
        [str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "o")],
        [str(notes), "--out", str(notes)],
        [str(notes), "--out", str(tmp_path / "no" / "o")],
        [str(notes), "--out", str(tmp_path / "o"), "--key", str(short)],
        [str(notes), "--out", str(tmp_path / "o"), "--key", str(tmp_path / "nokey")],
        [str(notes), "--out", str(tmp_path / "o"), "--as", "nothing"],
    ):
        assert run(["scrub", *arguments]) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "n.jsonl"]


def test_memory_does_not_grow_with_the_file_and_a_huge_line_is_read_over(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / "n.jsonl"
        with path.open("w") as stream:
            for number in range(count):
                stream.write(json.dumps(note(number, "Mr Harding rang " + "x " * 500)) + "\n")
        tracemalloc.start()
        scrub_file(path, tmp_path / "o.jsonl")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(5)  # what is read once
    assert peak(150) < peak(20) + 60_000  # 130 kB more of text
    huge = tmp_path / "huge.jsonl"
    with huge.open("wb") as out:
        out.write(b'{"document_id": "h", "text": "')
        for _ in range(65):
            out.write(b"y" * 2**20)
        out.write(b'"}\n' + json.dumps(note("after", "fine")).encode() + b"\n")
    result = scrub_file(huge, tmp_path / "o.jsonl")
    assert (result.reasons, result.scrubbed) == ({"line-too-long": 1}, 1)
