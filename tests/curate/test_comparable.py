"""Numbers in one unit, and what two sources told alike carried once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.curate import Release, build_release, open_release
from lockgate.errors import UsageError
from lockgate.site import Site
from lockgate.terminology import unit_rules

RowsOf = Callable[..., list[tuple[Any, ...]]]
PERSON = {"nhs_number": "9434765919", "nhs_number_status": "01", "sex": "F", "birth_date": date(1950, 6, 17)}
VISIT = {
    "patient_ref": "p",
    "encounter_class": "inpatient",
    "status": "finished",
    "start_at": datetime(2026, 1, 2),
    "end_at": datetime(2026, 1, 6),
}


def result(record: str, code: str, value: float, unit: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": record,
        "patient_ref": "p",
        "status": "final",
        "code_system": "LOINC",
        "code": code,
        "effective_at": datetime(2026, 1, 3, 8, 0, 20),
        "value_number": value,
        "unit": unit,
    } | more


def built(site: Site) -> Release:
    return open_release(site, build_release(site, actor="test", at=date(2026, 11, 1)).release)


def test_a_measurement_comes_in_one_unit_and_keeps_what_was_sent(
    site: Site, stage: Callable[..., None], rows_of: RowsOf
) -> None:
    stage(
        site,
        patient=[{"id": "p", **PERSON}],
        result=[
            result("1", "718-7", 9.1, "g/dl", range_low=11.5, range_high=16.0),
            result("2", "718-7", 91.0, "g/L"),
            result("3", "8310-5", 101.3, "°F"),
            result("4", "718-7", 5.6, "furlong"),
            result("5", "99999-0", 7.0, "g/dl"),
        ],
    )
    release = built(site)
    found = rows_of(
        release,
        "measurement",
        "measurement_source_value",
        "round(value_as_number, 6)",
        "round(range_low, 6)",
        "unit_source_value",
        "value_source_value",
    )
    assert found == sorted(
        [
            ("718-7", 91.0, 115.0, "g/dl", "9.1"),
            ("718-7", 91.0, None, "g/L", None),
            ("8310-5", 38.5, None, "°F", "101.3"),
            # a unit or a code that is not known is left as it came
            ("718-7", 5.6, None, "furlong", None),
            ("99999-0", 7.0, None, "g/dl", None),
        ],
        key=repr,
    )
    units = rows_of(release, "measurement", "unit_source_value", "unit_concept_id")
    assert dict(units)["g/dl"] != 0


def test_the_factors_agree_with_each_other() -> None:
    """1 mmol/L of glucose is 18.016 mg/dL: from there and back gives the same; HbA1c's two equations are inverse."""
    rules = {(r["code"], r["from_unit"]): (r["factor"], r["shift"]) for r in unit_rules().to_pylist()}
    assert rules["2345-7", "mg/dL"][0] * 18.016 == pytest.approx(1, rel=1e-3)
    assert rules["2160-0", "mg/dL"][0] * 11.312 == pytest.approx(1000, rel=1e-3)
    up, down = rules["59261-8", "%"], rules["4548-4", "mmol/mol"]
    for percent in (5.0, 6.5, 9.0, 14.0):
        assert (percent * up[0] + up[1]) * down[0] + down[1] == pytest.approx(percent, abs=0.01)
    assert rules["8310-5", "[degF]"][0] * 98.6 + rules["8310-5", "[degF]"][1] == pytest.approx(37)


def test_a_sites_own_units_go_before_ours_and_must_be_understood(site: Site) -> None:
    own = Path(site.path / "units.yaml")
    own.write_text('measurements:\n  - {unit: g/dL, loinc: ["718-7"], from: {g/L: 0.1}}\n')
    rules = [r for r in unit_rules(site).to_pylist() if r["code"] == "718-7"]
    assert {(r["from_unit"], r["to_unit"], r["factor"]) for r in rules} == {
        ("g/dL", "g/dL", 1.0),
        ("g/L", "g/dL", 0.1),
    }
    own.write_text("measurements:\n  - {unit: g/dL, loinc: [x], from: {g/L: much}}\n")
    with pytest.raises(UsageError, match="factor from g/L"):
        unit_rules(site)
    own.write_text("conversions: []\n")
    with pytest.raises(UsageError, match="isn't understood: conversions"):
        unit_rules(site)


def two_sources(site: Site, stage: Callable[..., None]) -> None:
    """The trust's record and the national extract tell of one stay; each knows something the other doesn't."""
    stage(
        site,
        source="epr",
        patient=[{"id": "p", **PERSON}],
        encounter=[{"id": "v", **VISIT, "start_at": datetime(2026, 1, 2, 8, 15)}],
        encounter_move=[
            {
                "id": "v#1",
                "patient_ref": "p",
                "encounter_ref": "v",
                "kind": "ward",
                "start_at": datetime(2026, 1, 2, 9),
                "end_at": datetime(2026, 1, 6),
            }
        ],
        condition=[
            {
                "id": "c",
                "patient_ref": "p",
                "encounter_ref": "v",
                "code_system": "ICD10",
                "code": "I21.9",
                "start_at": datetime(2026, 1, 2, 10, 5),
            }
        ],
        result=[result("1", "718-7", 9.1, "g/dL"), result("2", "718-7", 91.0, "g/L")],
    )
    stage(
        site,
        "b2",
        source="national",
        patient=[{"id": "p", **PERSON}],
        encounter=[{"id": "x", **VISIT}],
        encounter_move=[
            {
                "id": "x#1",
                "patient_ref": "p",
                "encounter_ref": "x",
                "kind": "ward",
                "start_at": datetime(2026, 1, 2),
                "end_at": datetime(2026, 1, 6),
            }
        ],
        condition=[
            {
                "id": name,
                "patient_ref": "p",
                "encounter_ref": "x",
                "code_system": "ICD10",
                "code": code,
                "start_at": datetime(2026, 1, 2),
            }
            for name, code in (("c1", "I219"), ("c2", "E11.9"))
        ],
        result=[result("9", "718-7", 91.0, "g/L", effective_at=datetime(2026, 1, 3, 8, 0, 55))],
    )


def test_what_two_sources_told_alike_is_carried_once(
    site: Site, stage: Callable[..., None], rows_of: RowsOf
) -> None:
    two_sources(site, stage)
    release = built(site)
    visits = rows_of(release, "visit_occurrence", "visit_occurrence_id", "visit_start_datetime")
    assert [row[1] for row in visits] == [datetime(2026, 1, 2, 8, 15)]
    assert len(rows_of(release, "visit_detail", "visit_detail_id")) == 1
    # the diagnosis that only the extract knows hangs on the visit that was carried
    diagnoses = rows_of(release, "condition_occurrence", "condition_source_value", "visit_occurrence_id")
    assert diagnoses == [("E11.9", visits[0][0]), ("I21.9", visits[0][0])]
    # two equal results of one source are two; the other source's one is one of them
    assert len(rows_of(release, "measurement", "measurement_id")) == 2
    accounts = release.manifest["accounting"]
    for table in ("encounter", "encounter_move", "condition", "result"):
        assert accounts[table]["not_carried"] == {"told_by_another_source": 1}, table


def test_the_site_says_which_source_goes_first(
    site: Site, stage: Callable[..., None], rows_of: RowsOf
) -> None:
    two_sources(site, stage)
    settings = site.path / "site.toml"
    settings.write_text(settings.read_text() + '\n[curate]\nsource_priority = ["national"]\n')
    release = built(Site.open(site.path))
    assert rows_of(release, "visit_occurrence", "visit_start_datetime") == [(datetime(2026, 1, 2),)]
    assert len(rows_of(release, "measurement", "measurement_id")) == 2
    diagnoses = rows_of(release, "condition_occurrence", "condition_source_value")
    assert diagnoses == [("E11.9",), ("I219",)]


def test_each_index_of_deprivation_goes_by_the_areas_it_was_made_for(
    site: Site, stage: Callable[..., None], rows_of: RowsOf
) -> None:
    stage(
        site,
        patient=[
            # E01000001 is unchanged since 2011, E01027506 was split
            {"id": "same", "local_number": "A1", "birth_date": date(1950, 1, 1), "lsoa11_code": "E01000001"},
            {"id": "split", "local_number": "A2", "birth_date": date(1951, 1, 1), "lsoa11_code": "E01027506"},
        ],
        organisation=[{"id": "o", "name": "what the source says", "ods_code": "R0A"}],
    )
    release = built(site)
    found = rows_of(release, "person_deprivation", "imd2025_decile", "imd2019_decile", "icb_code")
    assert found[0] == (8, 9, "QMF")
    assert found[1][0] is None
    assert found[1][1] is not None
    assert ("Manchester University NHS Foundation Trust",) in rows_of(release, "care_site", "care_site_name")


def test_a_merged_person_has_the_details_of_the_record_that_goes_on(
    site: Site, stage: Callable[..., None], rows_of: RowsOf
) -> None:
    """The record that was merged away is the one its source touched last, and another source's is no better than it."""
    merge = {"survivor_ref": "on", "retired_ref": "old", "kind": "merge", "event_at": datetime(2026, 3, 1)}
    stage(
        site,
        patient=[
            {"id": "on", "nhs_number": "9434765919", "birth_date": date(1957, 1, 1), "sex": "F"},
            {
                "id": "old",
                "nhs_number": "9434765870",
                "nhs_number_status": "01",
                "birth_date": date(1956, 1, 1),
                "sex": "M",
                "version_at": datetime(2026, 10, 9),
            },
        ],
        patient_merge=[{"id": "on|old|1", **merge}],
    )
    assert rows_of(built(site), "person", "year_of_birth", "gender_source_value") == [(1957, "F")]
    stage(
        site,
        "b2",
        patient_merge=[{"id": "on|old|2", **merge, "kind": "unmerge", "event_at": datetime(2026, 4, 1)}],
    )
    found = rows_of(built(site), "person", "year_of_birth", "gender_source_value")
    assert found == [(1956, "M"), (1957, "F")]
