"""Five Safes RO-Crates: ours conform, the profile's own examples do, and what lacks a part is told."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.workspace.crate import CRATE, crate, problems

RECORD: dict[str, Any] = {
    "request": "p1-r1", "project": "p1", "title": "Ages", "purpose": "A paper", "scope": "S1", "release": "2026.1",
    "code_sha256": "ab" * 32, "released_at": "2026-11-22T12:00:00+00:00", "decided_by": "people",
    "files": [{"name": "ages.csv", "title": "Ages", "bytes": 12, "sha256": "cd" * 32}],
    "reviews": [{"role": "output_checker", "decision": "approve", "at": "2026-11-22T11:00:00+00:00"}] * 2,
}  # fmt: skip


@pytest.mark.parametrize(
    "change", [{}, {"decided_by": "rule", "reviews": []}, {"run_ended": "2026-11-22T10:00:00Z"}]
)
def test_ours_conform(change: dict[str, Any]) -> None:
    made = crate({**RECORD, **change})
    assert problems(made) == []
    assert len({e["@id"] for e in made["@graph"]}) == len(made["@graph"])


def test_the_profiles_own_crates_conform(shared_data: Path) -> None:
    folder = shared_data / "federation" / "fivesafes" / "tests"
    found = sorted(folder.glob(f"*/{CRATE}"))
    assert found
    for path in found:
        assert problems(json.loads(path.read_text())) == [], path.parent.name


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        (CRATE, "conformsTo", {"@id": "https://w3id.org/ro/crate/1.1"}, "1.2 or later"),
        ("./", "sourceOrganization", None, "sourceOrganization"),
        ("./", "mainEntity", None, "mainEntity"),
        ("./", "mentions", [], "mention a CreateAction"),
        ("#run", "agent", {"@id": "#site"}, "agent that is a Person"),
        ("#run", "actionStatus", "done", "actionStatus"),
        ("#run", "instrument", {"@id": "#data"}, "instrument must be"),
        ("#run", "name", "short", "ten characters"),
        ("#researcher", "memberOf", {"@id": "#site"}, "member of the responsible"),
        ("#project-p1", "member", {"@id": "#data"}, "Organization or a Person"),
        ("#disclosure", "@type", "Action", "DisclosureCheck must be an AssessAction"),
        ("#disclosure", "endTime", "yesterday", "RFC 3339"),
        ("#signoff", "name", "", "SignOff must have a name"),
        ("urn:sha256:" + "ab" * 32, "conformsTo", None, "Workflow RO-Crate"),
    ],
)
def test_what_lacks_a_part_is_told(name: str, key: str, value: Any, said: str) -> None:
    made = copy.deepcopy(crate(RECORD))
    entity = next(e for e in made["@graph"] if e["@id"] == name)
    entity.pop(key) if value is None else entity.update({key: value})
    assert any(said in problem for problem in problems(made)), problems(made)


def test_something_else_is_no_crate() -> None:
    assert problems({"@graph": "x"}) and problems({})
