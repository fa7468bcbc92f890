"""Twenty patients of a real FHIR export, from its files to the release: everything is found again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lockgate import terminology
from lockgate.capture import capture_fhir
from lockgate.curate import Release, build_release, open_release
from lockgate.engine import Engine
from lockgate.site import Site

BP = {"8480-6": 3004249, "8462-4": 3012888}


@pytest.fixture(scope="module")
def twenty(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Release]:
    folder = shared_data / "fhir" / "tietai-20-patients"
    site = Site.init(tmp_path_factory.mktemp("tietai") / "site", name="Tietai")
    terminology.load(site, shared_data / "omop" / "vocab_subset", actor="test")
    capture_fhir(site, folder, actor="test")
    return folder, open_release(site, build_release(site, actor="test").release)


def _resources(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{kind}.ndjson").open()]


def _codes(release: Release, *columns: tuple[str, str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    with Engine() as engine:
        for table, column in columns:
            engine.view_parquet("t", release.table_path(table))
            counted.update(
                {code: n for code, n in engine.rows(f"SELECT {column}, count(*) FROM t GROUP BY ALL") if code}
            )
    return counted


def test_encounters(twenty: tuple[Path, Release]) -> None:
    folder, release = twenty
    assert release.tables["person"] == len(_resources(folder, "Patient")) == 20
    assert release.tables["visit_occurrence"] == len(_resources(folder, "Encounter")) == 2066


def test_conditions(twenty: tuple[Path, Release]) -> None:
    folder, release = twenty
    sent = Counter(item["code"]["coding"][0]["code"] for item in _resources(folder, "Condition"))
    found = _codes(
        release,
        ("condition_occurrence", "condition_source_value"),
        ("observation", "observation_source_value"),
        ("procedure_occurrence", "procedure_source_value"),
        ("measurement", "measurement_source_value"),
    )
    assert {code: found[code] for code in sent} == dict(sent)


def test_medicines_and_immunisations(twenty: tuple[Path, Release]) -> None:
    folder, release = twenty
    sent = Counter(
        item["medicationCodeableConcept"]["coding"][0]["code"]
        for item in _resources(folder, "MedicationRequest")
    ) + Counter(item["vaccineCode"]["coding"][0]["code"] for item in _resources(folder, "Immunization"))
    assert _codes(release, ("drug_exposure", "drug_source_value")) == sent


def test_blood_pressure_components(twenty: tuple[Path, Release]) -> None:
    folder, release = twenty
    sent: Counter[tuple[int, float, int, str]] = Counter()
    for item in _resources(folder, "Observation"):
        # most come as components of a panel, some alone
        for part in [item, *item.get("component", [])]:
            code = part["code"]["coding"][0]["code"]
            if code in BP:
                value = float(part["valueQuantity"]["value"])
                sent[BP[code], value, 8876, item["effectiveDateTime"][:10]] += 1
    assert sum(sent.values()) > 500
    with Engine() as engine:
        engine.view_parquet("m", release.table_path("measurement"))
        engine.view_parquet("v", release.table_path("visit_occurrence"))
        found = Counter(
            (concept, value, unit, day.isoformat())
            for concept, value, unit, day in engine.rows(
                "SELECT measurement_concept_id, value_as_number, unit_concept_id, measurement_date FROM m "
                f"JOIN v USING (visit_occurrence_id) WHERE m.person_id = v.person_id AND measurement_concept_id IN "
                f"({', '.join(str(concept) for concept in BP.values())})"
            )
        )
    assert found == sent


def test_the_accounts_name_every_row(twenty: tuple[Path, Release]) -> None:
    _, release = twenty
    accounts = release.manifest["accounting"]
    assert accounts["encounter"]["out"] == {"visit_occurrence": 2066}
    assert all(not account["unlinked"] for account in accounts.values())


def test_one_line_opens_it(twenty: tuple[Path, Release]) -> None:
    import polars

    _, release = twenty
    assert polars.scan_parquet(release.omop / "person.parquet").collect().height == 20
