"""The national opt-out by list check: what goes out, what comes back, and what follows."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity import build_index, opted_out
from lockgate.identity.listcheck import read_list, take_check
from lockgate.site import Site

AMY, BO, CY = "9434765919", "4505577104", "9434765870"


@pytest.fixture
def lists(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Three people come, one of them twice; the list is written. ``lists(cleared, on)`` takes in an answer."""
    (tmp_path / "patients.csv").write_text(
        "patient_id,nhs_number,birth_date\n"
        f"1,{AMY},1980-01-01\n2,{BO},1990-02-02\n3,{CY},1970-03-03\n4,{AMY},1980-01-01\n5,1234567890,1950-01-01\n"
    )
    folder = tmp_path / "patients"
    folder.mkdir()
    (folder / "contract.yaml").write_text(
        "contract: lockgate.contract/1\nname: patients\ntitle: P\nowner: O\nlegal_basis: B\nkey: [patient_id]\n"
        "columns:\n  patient_id: {required: true}\n  nhs_number: {identifies: true}\n  birth_date: {type: date}\n"
    )
    (folder / "patient.sql").write_text(
        "SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id, nhs_number, birth_date FROM item"
    )
    place = ["--site", str(site.path)]
    assert run([*place, "capture", "table", str(tmp_path / "patients.csv"), "--contract", str(folder)]) == 0
    with Engine(threads=1) as engine:
        build_index(engine, site)
    capsys.readouterr()
    assert run([*place, "optout", "list", str(tmp_path / "sent.dat"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["numbers"], told["records_without"]) == (3, 1)
    assert (tmp_path / "sent.dat").read_text() == "".join(f"{n},\n" for n in sorted((AMY, BO, CY)))

    def answer(*cleared: str, on: str) -> tuple[int, dict[str, Any]]:
        file = tmp_path / "returned.csv"
        file.write_text(
            "NHS_NUMBER\n" + "".join(f"{number[:3]} {number[3:6]} {number[6:]},\n" for number in cleared)
        )
        code = run([*place, "optout", "check", str(tmp_path / "sent.dat"), str(file), "--on", on, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return answer


def out(site: Site, at: date, purpose: str = "research") -> int:
    with Engine(threads=1) as engine:
        return len(opted_out(engine, site, at=at, purpose=purpose))


def test_who_does_not_come_back_has_opted_out_until_they_do(site: Site, lists: Any) -> None:
    code, told = lists(BO, CY, on="2026-11-01")
    assert (code, told["opted_out"], told["new"], told["withdrawn"]) == (0, 1, 1, 0)
    assert out(site, date(2026, 10, 31)) == 0
    assert out(site, date(2026, 11, 1)) == 1
    assert out(site, date(2026, 11, 1), "audit") == 0
    code, told = lists(BO, CY, on="2026-11-08")  # the same again tells nothing new
    assert (told["opted_out"], told["new"]) == (1, 0)
    code, told = lists(AMY, BO, on="2026-11-15")
    assert (told["new"], told["withdrawn"]) == (1, 1)
    assert [out(site, date(2026, 11, day)) for day in (14, 15)] == [1, 1]
    assert lists(BO, CY, on="2026-11-22")[1]["new"] == 1  # and opted out again
    assert out(site, date(2026, 11, 22)) == 1


def test_an_answer_to_another_list_is_refused(site: Site, lists: Any) -> None:
    code, told = lists(BO, "9434765935", on="2026-11-01")
    assert code == 1
    assert "were not sent" in told["reasons"][0]
    code, told = lists(on="2026-11-01")
    assert code == 1
    assert "everybody" in told["reasons"][0]
    assert out(site, date(2026, 11, 1)) == 0


def test_lists_that_are_none(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("9434765919\nhello\n")
    with pytest.raises(UsageError, match="line 2"):
        read_list(tmp_path / "a")
    (tmp_path / "b").write_text("")
    with Engine(threads=1) as engine, pytest.raises(UsageError, match="empty"):
        take_check(engine, site, tmp_path / "b", tmp_path / "b", on=date(2026, 1, 1), actor="test")
