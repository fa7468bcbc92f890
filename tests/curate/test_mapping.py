"""What staged rows become: small tables in, expected rows out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from lockgate.curate import Release, build_release, open_release
from lockgate.site import Site

RowsOf = Callable[..., list[tuple[Any, ...]]]


def test_people_keep_a_year_a_sex_and_an_ethnicity(release: Release, rows_of: RowsOf) -> None:
    found = rows_of(
        release,
        "person",
        "year_of_birth",
        "month_of_birth",
        "day_of_birth",
        "birth_datetime",
        "gender_concept_id",
        "race_concept_id",
        "race_source_value",
        "person_source_value",
    )
    # Cai, born 1920, is top-coded; his ethnicity "not stated" stays a value of its own
    assert found == [
        (1936, None, None, None, 8507, 0, "Z", None),
        (1950, None, None, None, 8532, 38003589, "J", None),
    ]


def test_an_area_becomes_its_deprivation_and_its_region(release: Release, rows_of: RowsOf) -> None:
    assert rows_of(
        release,
        "person_deprivation",
        "imd2025_decile",
        "imd2019_decile",
        "imd2025_quintile",
        "rural_urban",
        "icb_code",
    ) == [(8, 9, 4, "Urban", "QMF"), (None, None, None, None, None)]
    assert rows_of(release, "location", "county", "zip", "address_1", "city") == [("QMF", None, None, None)]


def test_an_emergency_that_goes_on_to_a_ward_is_one_visit(release: Release, rows_of: RowsOf) -> None:
    assert rows_of(
        release,
        "visit_occurrence",
        "visit_concept_id",
        "visit_start_datetime",
        "visit_end_date",
        "visit_source_value",
    ) == [(262, datetime(2026, 1, 2, 8, 15), date(2026, 1, 6), "inpatient")]
    assert rows_of(release, "visit_detail", "visit_detail_concept_id", "visit_detail_source_value") == [
        (32037, "critical_care"),
        (9203, "emergency"),
    ]
    # the blood pressure was taken before the move to intensive care, the diagnosis has no time of day
    stays = dict(rows_of(release, "visit_detail", "visit_detail_id", "visit_detail_source_value"))
    taken = rows_of(release, "measurement", "measurement_source_value", "visit_detail_id")
    assert [stays.get(stay) for code, stay in taken if code == "8480-6"] == ["emergency"]
    (ward,) = rows_of(release, "visit_occurrence", "care_site_id")
    assert (*ward, "Acute Medical Unit") in rows_of(release, "care_site", "care_site_id", "care_site_name")


def test_diagnoses_find_their_standard_concept(release: Release, rows_of: RowsOf) -> None:
    found = rows_of(
        release,
        "condition_occurrence",
        "condition_source_value",
        "condition_concept_id",
        "condition_type_concept_id",
        "condition_start_date",
    )
    assert found == [
        ("44054006", 201826, 32840, date(2015, 5, 5)),
        ("73211009", 201820, 32817, date(2016, 1, 1)),  # the second coding maps where the first does not
        ("ABC", 0, 32817, date(2016, 1, 1)),  # nothing maps: kept, with concept 0
        ("I219", 312327, 32827, date(2026, 1, 2)),  # ICD-10 without its dot
    ]


def test_blood_pressure_is_two_measurements_with_values_units_and_visit(
    release: Release, rows_of: RowsOf
) -> None:
    (visit,) = rows_of(release, "visit_occurrence", "visit_occurrence_id")
    found = rows_of(
        release,
        "measurement",
        "measurement_concept_id",
        "value_as_number",
        "unit_concept_id",
        "unit_source_value",
        "operator_concept_id",
        "visit_occurrence_id",
    )
    assert found == [
        (3004249, 151.0, 8876, "mm[Hg]", None, *visit),
        (3012888, 88.0, 8876, "mm[Hg]", None, *visit),
        (3020460, 5.0, 8751, "mg/L", 4171756, None),
    ]


def test_an_allergy_is_never_a_drug_exposure(release: Release, rows_of: RowsOf) -> None:
    assert rows_of(
        release, "drug_exposure", "drug_concept_id", "drug_exposure_end_date", "lot_number", "sig"
    ) == [(1112807, date(2026, 1, 29), None, None)]
    found = rows_of(
        release, "observation", "observation_source_value", "value_as_concept_id", "qualifier_source_value"
    )
    assert ("1191", 1112807, "allergy") in found


def test_free_words_of_few_people_are_not_carried(release: Release, rows_of: RowsOf) -> None:
    found = rows_of(
        release, "observation", "observation_source_value", "value_source_value", "value_as_string"
    )
    assert ("SMK", None, None) in found


def test_a_death_told_by_the_record_is_carried_once(release: Release, rows_of: RowsOf) -> None:
    assert rows_of(release, "death", "death_date", "death_type_concept_id") == [(date(2026, 3, 5), 32817)]


def test_a_ward_that_only_the_roster_names_gets_a_care_site(release: Release, rows_of: RowsOf) -> None:
    names = dict(rows_of(release, "care_site", "care_site_id", "care_site_name"))
    wards = rows_of(release, "staffing", "care_site_id", "actual_rn_hours")
    assert sorted((names[ward], hours) for ward, hours in wards) == [
        ("Acute Medical Unit", 30.0),
        ("LOST", None),
    ]


def test_the_observation_period_ends_no_later_than_the_data(release: Release, rows_of: RowsOf) -> None:
    assert rows_of(
        release, "observation_period", "observation_period_start_date", "observation_period_end_date"
    ) == [(date(2001, 1, 1), date(2026, 1, 6))]


@pytest.mark.parametrize("policy", ["month"])
def test_dates_are_cut_to_the_month_where_the_policy_says_so(
    site: Site, stage: Any, rows_of: RowsOf, policy: str
) -> None:
    text = (site.path / "site.toml").read_text()
    (site.path / "site.toml").write_text(
        text.replace('birth_date = "year" ', f'birth_date = "{policy}"').replace(
            'event_dates = "exact"', f'event_dates = "{policy}"'
        )
    )
    site = Site.open(site.path)
    stage(
        site,
        patient=[{"id": "p", "birth_date": date(1970, 4, 22), "sex": "X"}],
        encounter=[
            {
                "id": "e",
                "patient_ref": "p",
                "encounter_class": "outpatient",
                "start_at": datetime(2026, 5, 9, 9),
            }
        ],
    )
    release = open_release(site, build_release(site, actor="test", at=date(2026, 11, 1)).release)
    assert rows_of(
        release, "person", "year_of_birth", "month_of_birth", "gender_source_value", "race_source_value"
    ) == [(1970, 4, "U", "99")]
    assert rows_of(release, "visit_occurrence", "visit_start_date", "visit_start_datetime") == [
        (date(2026, 5, 1), None)
    ]


def test_microbiology_points_from_the_antibiotic_to_the_organism(
    site: Site, stage: Any, rows_of: RowsOf
) -> None:
    common = {
        "patient_ref": "p",
        "category": "microbiology",
        "effective_at": datetime(2026, 5, 9),
        "status": "final",
    }
    stage(
        site,
        patient=[{"id": "p", "birth_date": date(1970, 4, 22)}],
        result=[
            {
                "id": "c",
                "code_system": "LOINC",
                "code": "600-7",
                "value_code_system": "SNOMED",
                "value_code": "112283007",
            }
            | common,
            {"id": "c#1", "parent_ref": "c", "code_system": "LOINC", "code": "18861-5", "interpretation": "R"}
            | common,
        ],
    )
    release = open_release(site, build_release(site, actor="test", at=date(2026, 11, 1)).release)
    found = rows_of(
        release,
        "measurement",
        "measurement_id",
        "measurement_source_value",
        "value_source_value",
        "measurement_event_id",
    )
    by_code = {code: (key, value, link) for key, code, value, link in found}
    organism, _, _ = by_code["600-7"]
    assert by_code["600-7"][1:] == ("112283007", None)
    assert by_code["18861-5"][1:] == ("R", organism)
