"""Every source of the synthetic hospital goes through its gate: what is planted is held, and the rest is released."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lockgate.capture import capture_fhir, capture_hl7v2, capture_tables, list_held, status
from lockgate.cli import run
from lockgate.curate import Release, build_release, open_release
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.schema import LINKED, OMOP, VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.synthetic import Summary, generate
from lockgate.synthetic.sources import CHOICES, choose_sources

PATIENTS = 90
NOT_TOLD = {
    "device_exposure",
    "fact_relationship",
}  # no devices are kept; no room makes the others yet


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Site]:
    """A small hospital's every source, captured, and a release of it."""
    folder = tmp_path_factory.mktemp("everything")
    summary = generate(folder / "hospital", PATIENTS, 5, sources="all")
    site = Site.init(folder / "site", name="Everything", ods_code="RZZ", demo=True)
    capture_fhir(site, summary.out / "fhir", actor="test")
    capture_hl7v2(site, summary.out / "hl7v2", source="hl7v2", actor="test")
    capture_tables(site, summary.out / "tables", actor="test")
    build_release(site, actor="test", at=date(2026, 11, 1))
    return summary, site


@pytest.fixture(scope="module")
def released(everything: tuple[Summary, Site]) -> Release:
    return open_release(everything[1])


def _truth(summary: Summary, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (summary.out / "truth" / name).read_text().splitlines()]


def test_nothing_is_held_but_what_was_planted(everything: tuple[Summary, Site]) -> None:
    summary, site = everything
    _, items = list_held(site, limit=100_000)
    held = Counter((item.file, item.line, item.reason) for item in items)
    effects = json.loads((summary.out / "truth" / "effects.json").read_text())
    planted = Counter(
        (one["file"].split("/")[1], one["line"], one["reason"])
        for one in [*_truth(summary, "planted.jsonl"), *effects["faults"]]
        if one["reason"] != "duplicate"
    )
    assert not planted - held
    rest = Counter((file.removesuffix(".csv"), reason) for file, _, reason in (held - planted).elements())
    flaws = effects["flaws_of_tables"]
    for table in ("primary_care", "deaths"):
        # their only number of the person was left out
        assert rest.pop((table, "missing-required"), 0) == flaws[table]["nhs_number_blank"]
    assert set(rest) <= {("incidents", "bad-nhs-number"), ("tissue", "bad-nhs-number")}
    report = status(site)
    assert report["adds_up"]
    assert set(report["sources"]) == {"epr", "hl7v2", "hes", "mental_health", *set(CHOICES) - {"fhir", "hes"}}


def test_every_table_of_the_release_has_rows(everything: tuple[Summary, Site], released: Release) -> None:
    rows = released.manifest["tables"]
    empty = {name for name in {*OMOP, *LINKED} - set(VOCABULARY_TABLES) if not rows.get(name, {}).get("rows")}
    assert empty <= NOT_TOLD
    assert {"incident", "roster", "social_care_event", "tissue_sample", "imaging_read", "staffing"} <= set(
        rows
    )


def test_what_several_sources_tell_is_carried_once(released: Release) -> None:
    with Engine() as engine:
        for name in ("imaging_study", "measurement", "visit_occurrence"):
            engine.view_parquet(name, released.table_path(name))
        assert (
            engine.one(
                "SELECT count(*) FROM (SELECT person_id FROM imaging_study GROUP BY person_id, study_datetime"
                " HAVING count(*) > 1)"
            )
            == 0
        )
        # haemoglobin of one person at one minute: FHIR, the laboratory's extract and HL7 v2 all tell it
        assert (
            engine.one(
                "SELECT count(*) FROM (SELECT person_id, measurement_datetime FROM measurement"
                " WHERE measurement_source_value IN ('718-7', 'HAEMOG') GROUP BY ALL HAVING count(*) > 1)"
            )
            == 0
        )


def test_the_index_is_judged_by_the_truth(everything: tuple[Summary, Site]) -> None:
    summary, site = everything
    truth = {
        (row["source"], row["record_id"]): (row["patient_id"], row["differs"])
        for row in pq.read_table(summary.out / "truth" / "linkage.parquet").to_pylist()
    }
    index = pq.read_table(site.staged / "index" / "person_index.parquet").to_pylist()
    own = {
        truth[row["source"], row["record_id"]][0]: row["person_key"]
        for row in index
        if row["source"] == "epr"
    }
    assert {(row["source"], row["record_id"]) for row in index} <= set(truth)
    right = wrong = 0
    for row in index:
        patient, _ = truth[row["source"], row["record_id"]]
        if row["source"] in ("epr", "hes") or patient not in own:
            continue
        right += row["person_key"] == own[patient]
        wrong += row["person_key"] in set(own.values()) - {own[patient]}
    assert wrong == 0
    assert right > 200
    assert any("family" in differs.split(",") for _, differs in truth.values())


def test_people_differ_between_sources_as_told(everything: tuple[Summary, Site]) -> None:
    summary, _ = everything
    people = {
        row["patient_id"]: row for row in pq.read_table(summary.out / "truth" / "people.parquet").to_pylist()
    }
    linkage = pq.read_table(summary.out / "truth" / "linkage.parquet").to_pylist()
    told = {row["record_id"]: row for row in linkage if row["source"] == "social_care"}
    lines = (summary.out / "tables" / "social_care.csv").read_text().splitlines()
    names = lines[0].split(",")
    seen = 0
    for line in lines[1:]:
        row = dict(zip(names, line.split(","), strict=True))
        known = told[row["nhs_number"] or row["la_person_id"]]
        truth = people[known["patient_id"]]
        assert (row["postcode"] != truth["postcode"]) == ("postcode" in known["differs"].split(","))
        assert (row["birth_date"] != truth["birth_date"]) == ("birth_date" in known["differs"].split(","))
        assert (row["nhs_number"] == "") == ("nhs_number" in known["differs"].split(","))
        seen += 1
    assert seen > 20


def test_sources_are_chosen_by_name(tmp_path: Path, write: Callable[..., Summary]) -> None:
    summary = write(patients=60, seed=2, sources="hl7v2,hes")
    assert sorted(path.name for path in summary.out.iterdir()) == ["hl7v2", "tables", "truth"]
    assert set(summary.tables) == {"hes_apc", "hes_op", "hes_ae", "ecds", "critical_care"}
    assert choose_sources("all") == frozenset(CHOICES)
    for wrong in ("fhir,hl7", ""):
        with pytest.raises(UsageError):
            choose_sources(wrong)
    assert (
        run(["synthetic", str(tmp_path / "h"), "--patients", "60", "--sources", "everything", "--json"]) == 2
    )


def test_the_same_people_whatever_is_written(write: Callable[..., Summary]) -> None:
    one, other = write(patients=60, seed=2), write(patients=60, seed=2, sources="all")
    for name in ("fhir/Patient.ndjson.gz", "tables/tissue.csv", "truth/people.parquet"):
        assert (one.out / name).read_bytes() == (other.out / name).read_bytes()
