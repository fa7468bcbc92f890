"""The commands, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.site import Site

from .conftest import observation, patient, write


@pytest.fixture
def call(site: Site, capsys: pytest.CaptureFixture[str]):
    def invoke(*words: str) -> tuple[int, dict[str, Any]]:
        code = run(["--site", str(site.path), *words, "--json"])
        out = capsys.readouterr().out
        assert out.count("\n") == 1, "one JSON object"
        return code, json.loads(out)

    return invoke


def test_the_whole_round(site: Site, tmp_path: Path, call, capsys) -> None:
    write(tmp_path / "in" / "a.ndjson", observation(), "{")
    code, report = call("capture", "fhir", str(tmp_path / "in"))
    assert code == 0
    assert (report["received"], report["staged"], report["quarantined"], report["duplicates"]) == (2, 0, 2, 0)
    assert report["reasons"] == {"missing-reference": 1, "not-json": 1}
    assert report["batch"].startswith("2")
    code, listed = call("capture", "quarantine", "list", "--reason", "not-json")
    assert (code, listed["quarantined"], listed["items"][0]["line"]) == (0, 1, 2)
    code, shown = call("capture", "quarantine", "show", listed["items"][0]["item_hash"])
    assert (code, shown["raw"]) == (0, "{")
    write(tmp_path / "p.ndjson", patient())
    assert call("capture", "fhir", str(tmp_path / "p.ndjson"))[1]["recovered"] == 1
    code, retried = call("capture", "quarantine", "retry")
    assert (code, retried["recovered"], retried["quarantined"]) == (0, 0, 1)
    code, now = call("capture", "status")
    assert code == 0
    assert now["adds_up"]
    assert now["received"] == now["staged"] + now["quarantined"] + now["duplicates"] == 3
    for words in (("status",), ("quarantine", "list")):
        assert run(["--site", str(site.path), "capture", *words]) == 0
        assert capsys.readouterr().out


def test_tables_sum_up(tmp_path: Path, call) -> None:
    (tmp_path / "postcodes.csv").write_text("pcds,lsoa21\nZZ1 1AA,E1\nZZ1 1AA,E1\n")
    (tmp_path / "opt_outs.csv").write_text(
        "nhs_number,kind,from_date,until_date\n9434765919,national_data_opt_out,2020-01-01,\n"
    )
    code, report = call("capture", "tables", str(tmp_path))
    assert code == 0
    assert (report["received"], report["staged"], report["duplicates"]) == (3, 2, 1)
    assert set(report["by_type"]) == {"postcodes", "opt_outs"}


def test_mistakes_end_with_2_and_a_refusal_with_1(tmp_path: Path, call) -> None:
    assert call("capture", "fhir", str(tmp_path / "nowhere"))[0] == 2
    assert call("capture", "table", str(tmp_path / "x.csv"), "--contract", "nothing")[0] == 2
    (tmp_path / "postcodes.csv").write_text("pcds\nx\n")
    code, refusal = call("capture", "table", str(tmp_path / "postcodes.csv"))
    assert (code, refusal["reasons"]) == (1, ["missing column: lsoa21"])
