"""The gate on files: what isn't a plain, described, readable file is refused with its own answer."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate import outputs
from lockgate.cli import run
from lockgate.disclosure import Rules, check_outputs, repair
from lockgate.errors import UsageError

Found = Callable[..., dict[str, set[str]]]


def test_an_empty_folder_and_no_folder(job: Path, found: Found, tmp_path: Path) -> None:
    verdicts = check_outputs(job)
    assert [(v.file, v.decision) for v in verdicts] == [("outputs.json", "fail")]
    assert "wrote nothing" in verdicts[0].findings[0].message
    with pytest.raises(UsageError, match="no such folder"):
        check_outputs(tmp_path / "none")


def test_a_good_folder_passes(job: Path, counts: Callable[..., None]) -> None:
    counts("good", {"a": 20, "b": 30, "Not stated": 15})
    outputs.text("note", "# Method\n\nPeople seen in 2024, by ward. See the table.")
    assert {v.file: v.decision for v in check_outputs(job)} == {
        "outputs.json": "pass", "good.csv": "pass", "note.md": "pass",
    }  # fmt: skip


def test_a_file_that_nobody_described(job: Path, counts: Callable[..., None], found: Found) -> None:
    counts("good", {"a": 20})
    (job / "extra.csv").write_text("a,n\nx,20\n")
    assert found()["extra.csv"] == {"not described"}


def test_a_described_file_that_is_missing_or_changed(
    job: Path, counts: Callable[..., None], found: Found
) -> None:
    counts("gone", {"a": 20})
    counts("other", {"a": 20})
    (job / "gone.csv").unlink()
    (job / "other.csv").write_text("group,n\na,25\n")
    rules = found()
    assert rules["gone.csv"] == {"missing"}
    assert rules["other.csv"] == {"changed"}


@pytest.mark.parametrize(
    "name", ["Report.csv", "model.pkl", "a b.csv", "x.csv\n.md", "book.xlsx", ".hidden", "n.ipynb"]
)
def test_names_and_types(job: Path, found: Found, name: str) -> None:
    (job / name).write_text("x")
    assert "file name" in set().union(*found().values())


def test_links_sockets_and_folders(
    job: Path, found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,n\nx,20\n")
    (job / "link.csv").symlink_to(secret)
    os.link(secret, job / "hard.csv")
    os.mkfifo(job / "pipe.csv")
    (job / "folder.csv").mkdir()
    monkeypatch.chdir(job)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.csv")
        rules = found()
    for name in ("link.csv", "hard.csv", "pipe.csv", "folder.csv", "socket.csv"):
        assert "file type" in rules[name], name


def test_size_and_encoding(job: Path, found: Found) -> None:
    with (job / "sparse.csv").open("wb") as file:
        file.truncate(2_000_000_000)
    (job / "latin.csv").write_bytes("café".encode("latin-1"))
    (job / "null.csv").write_bytes(b"a\0b")
    (job / "bidi.csv").write_text("a\u202eb")
    rules = found()
    assert "size" in rules["sparse.csv"]
    assert all("encoding" in rules[name] for name in ("latin.csv", "null.csv", "bidi.csv"))


@pytest.mark.parametrize(
    "body",
    [
        "a,n\nx,20\n",
        "group,n\na\n",
        "group,n\na,20,30\n",
        "group,n\na,3.5\n",
        "group,n\na,20\na,20\n",
        'group,n\n"a,20\n',
    ],
)
def test_a_csv_that_is_none(job: Path, counts: Callable[..., None], found: Found, body: str) -> None:
    counts("t", {"a": 20})
    (job / "t.csv").write_text(body)
    assert {"format", "changed"} <= found()["t.csv"]


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(schema="lockgate.outputs/9"),
        lambda r: r["outputs"][0].update(unknown=1),
        lambda r: r["outputs"][0].update(file="../t.csv"),
        lambda r: r["outputs"][0]["columns"].pop(),
        lambda r: r["outputs"].append(r["outputs"][0]),
        lambda r: r.update(outputs=None),
    ],
)
def test_a_record_that_was_tampered_with(
    job: Path, counts: Callable[..., None], change: Callable[[dict[str, object]], None]
) -> None:
    counts("t", {"a": 20})
    record = json.loads((job / "outputs.json").read_text())
    change(record)
    (job / "outputs.json").write_text(json.dumps(record))
    assert {v.decision for v in check_outputs(job)} != {"pass"}
    assert any(v.decision == "fail" for v in check_outputs(job))


@pytest.mark.parametrize(
    ("body", "decision"),
    [
        ("Short words about 2024 and ICD-10 codes.", "pass"),
        ("# 1 Method\n\n1. first\n2. second", "pass"),
        ("Three patients had it: 3 of 12.", "review"),
        ("word " * 2_000, "review"),
        ("a | b | c\n1 | 2 | 3", "review"),
        ("![x](data:image/png;base64,AAAA)", "fail"),
        ("<script>alert()</script>", "fail"),
        ("write to jo@example.org", "fail"),
        ("NHS number 943 476 5919", "fail"),
    ],
)
def test_texts(job: Path, body: str, decision: str) -> None:
    outputs.text("note", body)
    assert {v.file: v.decision for v in check_outputs(job)}["note.md"] == decision


def test_labels(job: Path, counts: Callable[..., None], found: Found) -> None:
    counts("formula", {"=HYPERLINK()": 20, "b": 20})
    counts("total", {"a": 20, "b": 20, "Total": 40})
    counts("long", {"x" * 200: 20})
    counts("days", {"2024-03-01": 20, "2024-03-02": 25})
    rules = found()
    assert rules["formula.csv"] == {"formula"}
    assert "undeclared total" in rules["total.csv"]
    assert rules["long.csv"] == {"free text"}
    assert rules["days.csv"] == {"date"}


def test_statistics_without_rule_or_evidence_go_to_a_reviewer(job: Path) -> None:
    frame = {"g": ["a", "b"], "n": [20, 30], "x": [1.5, 2.5]}
    for kind in ("other", "sum"):
        outputs.table(
            frame, kind, title="t", dimensions=["g"], counts=["n"], statistics={"x": {"kind": kind, "n": "n"}}
        )
    decisions = {v.file: v.decision for v in check_outputs(job)}
    assert decisions["other.csv"] == decisions["sum.csv"] == "review"


def test_a_chart_shares_the_fate_of_its_table(job: Path, counts: Callable[..., None]) -> None:
    counts("small", {"a": 3, "b": 40, "c": 50})
    outputs.chart("small", "picture", kind="bar", x="group", y="n", title="People")
    assert {v.file: v.decision for v in check_outputs(job)}["picture"] == "fail"
    assert {v.file: v.decision for v in repair(job, job.parent / "safe").verdicts}["picture"] == "pass"


def test_an_earlier_release_that_cant_be_read(job: Path, counts: Callable[..., None], tmp_path: Path) -> None:
    counts("t", {"a": 20})
    (tmp_path / "old").mkdir()
    verdicts = {v.file: v for v in check_outputs(job, earlier=[tmp_path / "old"])}
    assert verdicts["t.csv"].decision == "review"


def test_findings_never_hold_the_count(job: Path, counts: Callable[..., None]) -> None:
    counts("t", {"a": 7, "b": 777})
    for verdict in check_outputs(job):
        assert "777" not in json.dumps(verdict.as_dict())


def test_command(
    job: Path, counts: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts("t", {"a": 4, "b": 40, "c": 50})
    assert run(["check", str(job)]) == 1
    assert "threshold" in capsys.readouterr().out
    assert run(["check", str(job), "--repair", str(tmp_path / "safe"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["passed"] and result["repair"]["done"]["t.csv"]
    assert run(["check", str(tmp_path / "safe")]) == 0
    rules = tmp_path / "rules.yaml"
    rules.write_text("treshold: 3\n")
    assert run(["check", str(job), "--rules", str(rules)]) == 2
    rules.write_text("threshold: 4\nrounding: 1\n")
    assert run(["check", str(job), "--rules", str(rules), "--json"]) == 0
    assert run(["check", str(tmp_path / "none")]) == 2


def test_repair_does_not_overwrite(job: Path, counts: Callable[..., None]) -> None:
    counts("t", {"a": 20})
    with pytest.raises(UsageError, match="empty"):
        repair(job, job, Rules())
