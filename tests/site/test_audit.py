"""The chain must show every kind of tampering, and name the entry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.errors import LockgateError, UsageError
from lockgate.site import Site


@pytest.fixture
def chain(site: Site) -> Site:
    for number in range(2, 11):
        site.audit.append("test.entry", actor="tester", number=number)
    return site


def edit(site: Site, change: Callable[[list[str]], list[str]]) -> list[str]:
    lines = site.audit.chain.read_text().splitlines()
    site.audit.chain.write_text("".join(line + "\n" for line in change(lines)))
    return [f"{problem.kind}: {problem.message}" for problem in site.audit.verify()]


def test_whole_chain_has_no_problem(chain: Site) -> None:
    assert chain.audit.verify() == []
    assert [entry.seq for entry in chain.audit.entries()] == list(range(1, 11))


def test_changed_entry_is_named(chain: Site) -> None:
    found = edit(chain, lambda lines: [line.replace('"number": 5', '"number": 6') for line in lines])
    assert found == ["changed: entry 5 (line 5) was changed after it was written"]


def test_changed_entry_with_its_hash_made_anew_is_named(chain: Site) -> None:
    from lockgate.site.audit import _digest

    def forge(lines: list[str]) -> list[str]:
        entry = json.loads(lines[4])
        entry["actor"] = "somebody else"
        del entry["hash"]
        entry["hash"] = _digest(entry)
        return [*lines[:4], json.dumps(entry), *lines[5:]]

    assert edit(chain, forge) == ["broken: entry 6 does not follow from the entry before it"]


def test_rewritten_end_of_the_chain_is_named_by_the_signed_head(chain: Site) -> None:
    from lockgate.site.audit import _digest

    def forge(lines: list[str]) -> list[str]:
        entry = json.loads(lines[-1])
        entry["actor"] = "somebody else"
        del entry["hash"]
        entry["hash"] = _digest(entry)
        return [*lines[:-1], json.dumps(entry)]

    assert edit(chain, forge) == ["changed: entry 10 is not the one whose hash was signed"]


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (slice(3, 4), "removed: entry 4 removed before line 4"),
        (slice(3, 6), "removed: entries 4 to 6 removed before line 4"),
        (slice(9, 10), "removed: entry 10 removed from the end"),
        (slice(0, 1), "removed: entry 1 removed before line 1"),
    ],
)
def test_removed_entry_is_named(chain: Site, cut: slice, message: str) -> None:
    def remove(lines: list[str]) -> list[str]:
        del lines[cut]
        return lines

    assert edit(chain, remove) == [message]


def test_reordered_entries_are_named(chain: Site) -> None:
    def swap(lines: list[str]) -> list[str]:
        lines[2], lines[6] = lines[6], lines[2]
        return lines

    found = edit(chain, swap)
    assert "reordered: entry 3 stands at line 7, after entry 6" in found
    assert not any(problem.startswith(("removed", "changed")) for problem in found)


def test_line_that_is_no_json_is_named(chain: Site) -> None:
    found = edit(chain, lambda lines: [*lines[:3], "gone", *lines[4:]])
    assert "unreadable: line 4 is no audit entry" in found


def test_emptied_chain_is_named_and_takes_no_more_entries(chain: Site) -> None:
    chain.audit.chain.write_text("")
    assert [problem.kind for problem in chain.audit.verify()] == ["removed"]
    with pytest.raises(LockgateError, match="restore audit"):
        chain.audit.append("test.entry", actor="tester")


def test_cut_off_line_takes_no_more_entries(chain: Site) -> None:
    chain.audit.chain.write_bytes(chain.audit.chain.read_bytes()[:-20])
    assert "cut-off" in [problem.kind for problem in chain.audit.verify()]
    with pytest.raises(LockgateError, match="cut off"):
        chain.audit.append("test.entry", actor="tester")


def test_head_of_another_site_is_refused(chain: Site, tmp_path: Path) -> None:
    other = Site.init(tmp_path / "other", name="Other")
    chain.audit.head.write_bytes(other.audit.head.read_bytes())
    assert [problem.kind for problem in chain.audit.verify()] == ["head"]


def test_entry_longer_than_the_window_is_read_back(site: Site) -> None:
    site.audit.append("test.long", actor="tester", text="x" * 200_000)
    site.audit.append("test.next", actor="tester")
    assert site.audit.verify() == []


@pytest.mark.parametrize("number", ["9990000018", "999 000 0018", "999-000-0018"])
def test_entry_with_an_nhs_number_is_refused(site: Site, number: str) -> None:
    before = site.audit.chain.read_bytes()
    with pytest.raises(UsageError, match="NHS number"):
        site.audit.append("scope.revoked", actor="tester", reason=f"patient {number} asked")
    assert site.audit.chain.read_bytes() == before


APPEND = """
import sys
from lockgate.site import Site
site = Site.open(sys.argv[1])
for _ in range(20):
    site.audit.append("test.parallel", actor="tester")
"""


def test_writers_at_the_same_time_make_one_chain(site: Site) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", APPEND, str(site.path)]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert site.audit.verify() == []
    assert sum(1 for _ in site.audit.entries()) == 61


def test_an_entry_cut_off_by_a_crash_is_dropped(chain: Site) -> None:
    with chain.audit.chain.open("ab") as stream:
        stream.write(b'{"seq": 11, "at": "2026-')
    assert [problem.kind for problem in chain.audit.verify()] == ["cut-off"]
    assert chain.audit.append("test.next", actor="tester").seq == 11
    assert chain.audit.verify() == []


def test_an_acknowledged_entry_cut_off_stays_to_be_looked_into(chain: Site) -> None:
    whole = chain.audit.chain.read_bytes()
    chain.audit.chain.write_bytes(whole[:-20])
    with pytest.raises(LockgateError, match="cut off"):
        chain.audit.append("test.next", actor="tester")
    assert chain.audit.chain.read_bytes() == whole[:-20]


def test_a_full_disk_leaves_no_part_of_an_entry(chain: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = chain.audit.chain.read_bytes()
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr("lockgate.site.audit.os.write", lambda handle, line: write(handle, line[:30]))
        with pytest.raises(OSError, match="part of an audit entry"):
            chain.audit.append("test.next", actor="tester")
    assert chain.audit.chain.read_bytes() == before
    assert [entry.event for entry in chain.audit.entries("test.next")] == []
