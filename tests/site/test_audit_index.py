"""The index of the audit chain: the same answers as reading all of it, whatever happens to the chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockgate.site import Site
from lockgate.site.audit import AuditLog
from lockgate.site.audit_index import AuditIndex, Wish


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    site = Site.init(tmp_path / "site", name="Hospital")
    for number in range(30):
        touched = {"person": ["person_id"], "visit": ["start", f"c{number % 3}"]} if number % 2 else {}
        more = {"touched": touched} if touched else {}
        site.audit.append(
            "job.started" if number % 2 else "scope.issued",
            actor=f"a{number % 4}",
            project=f"p{number % 5}",
            **more,
        )
    return site.audit


def numbers(log: AuditLog, **wish: str) -> list[int]:
    return [entry.seq for entry in AuditIndex(log).find(Wish(**wish))]


def test_finds_what_reading_all_finds(log: AuditLog) -> None:
    every = list(log.entries())[::-1]
    assert numbers(log) == [entry.seq for entry in every] == [entry.seq for entry in log.newest()]
    assert numbers(log, event="job.") == [entry.seq for entry in every if entry.event == "job.started"]
    assert numbers(log, actor="a1", project="p2") == [
        entry.seq for entry in every if entry.actor == "a1" and entry.detail.get("project") == "p2"
    ]
    assert numbers(log, table="visit", column="c1") == numbers(log, column="c1")
    assert numbers(log, column="c1") == [
        entry.seq for entry in every if "c1" in entry.detail.get("touched", {}).get("visit", [])
    ]
    assert numbers(log, table="person", column="c1") == numbers(log, column="c") == []
    found = AuditIndex(log).find(Wish(event="job."))
    assert len(found) == 15
    assert found[3:5] == list(found)[3:5]
    assert sum(row["times"] for row in AuditIndex(log).touched()) == 30


def test_goes_on_where_it_ended(log: AuditLog) -> None:
    index = AuditIndex(log)
    assert index.check().at is None
    assert index.check_whole().problems == ()
    before = len(index.find(Wish()))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: (log.append("job.started", actor="z", n=n), index.refresh()), range(40)))
    assert len(index.find(Wish())) == before + 40
    assert numbers(log, actor="z") == [entry.seq for entry in log.newest()][:40]
    assert index.check().problems == ()


def test_a_line_that_is_being_written_is_left_for_later(log: AuditLog) -> None:
    before = numbers(log)
    whole = log.chain.read_bytes()
    log.chain.write_bytes(whole + b'{"seq": 9')
    assert numbers(log) == before
    log.chain.write_bytes(whole)
    log.append("scope.issued", actor="a")
    assert numbers(log) == [before[0] + 1, *before]


@pytest.mark.parametrize("what", ["changed", "removed", "reordered", "cut off", "nonsense"])
def test_what_happens_to_the_chain_is_told(log: AuditLog, what: str) -> None:
    index = AuditIndex(log)
    assert index.check_whole().problems == ()
    lines = log.chain.read_bytes().splitlines(keepends=True)
    if what == "changed":
        lines[4] = lines[4].replace(b'"a3"', b'"a2"')
    elif what == "removed":
        del lines[4]
    elif what == "reordered":
        lines[4], lines[5] = lines[5], lines[4]
    elif what == "cut off":
        lines = lines[:-2]
    else:
        lines[4] = b"nonsense\n"
    assert lines != log.chain.read_bytes().splitlines(keepends=True)
    log.chain.write_bytes(b"".join(lines))
    assert index.check().problems
    assert index.check_whole().problems
    assert len(index.find(Wish())) == len(lines) - (what == "nonsense")


def test_what_was_changed_behind_newer_entries_is_found_by_reading_all(log: AuditLog) -> None:
    index = AuditIndex(log)
    index.refresh()
    content = log.chain.read_bytes()
    log.chain.write_bytes(content.replace(b'"actor": "a2"', b'"actor": "a1"', 1))
    log.append("scope.issued", actor="a")
    assert index.check().problems == ()  # the newer entry follows from the one before it
    assert any("was changed" in problem for problem in index.check_whole().problems)
    assert any("was changed" in problem for problem in index.check().problems)


def test_an_entry_of_another_event_that_names_one_is_not_one_of_it(log: AuditLog) -> None:
    log.append("note.made", actor="a", inner={"event": "scope.revoked"})
    assert list(log.entries("scope.revoked")) == []


def test_entries_that_are_added_while_it_is_read_break_nothing(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = AuditIndex(log)
    signed_head = AuditLog.signed_head

    def and_one_more(self: AuditLog) -> bytes:
        head = signed_head(self)
        log.append("job.started", actor="z")
        return head

    monkeypatch.setattr(AuditLog, "signed_head", and_one_more)
    assert log.verify() == []
    assert index.check_whole().problems == ()
    assert index.check().problems == ()
