"""Every shipped contract of the other sources, on a small invented extract: what is held back, staged and released."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import batches, capture_table, capture_tables, list_held, status
from lockgate.curate import Release, build_release, open_release
from lockgate.engine import Engine
from lockgate.site import Site

Rows = Callable[..., list[tuple[Any, ...]]]

FOLDER = Path(__file__).parent / "sources"  # one extract each: sound rows first, then the faults

# what is held back: (file, line) -> reason
FAULTS = {
    ("pathology", 7): "missing-required",
    ("pathology", 8): "bad-code",
    ("pathology", 9): "impossible-date",
    ("pathology", 10): "missing-required",
    ("pathology", 11): "bad-nhs-number",
    ("microbiology", 5): "missing-required",
    ("microbiology", 6): "missing-required",
    ("radiology", 5): "bad-code",
    ("radiology", 6): "impossible-date",
    ("radiology", 7): "missing-required",
    ("lfpse", 4): "bad-code",
    ("lfpse", 5): "impossible-date",
    ("lfpse", 6): "bad-code",
    ("rosters", 4): "bad-code",
    ("rosters", 5): "bad-code",
    ("social_care", 5): "impossible-date",
    ("social_care", 6): "missing-required",
    ("social_care", 7): "bad-code",
    ("mhs001_mpi", 3): "bad-nhs-number",
    ("mhs101_referral", 3): "impossible-date",
    ("mhs201_care_contact", 5): "wrong-type",
    ("mhs201_care_contact", 6): "missing-reference",
    ("mhs401_mha_period", 3): "bad-code",
    ("mhs502_ward_stay", 3): "missing-reference",
    ("mhs604_primary_diagnosis", 3): "bad-code",
    ("mhs606_scored_assessment", 3): "wrong-type",
    ("deaths", 4): "bad-code",
    ("deaths", 5): "bad-code",
    ("deaths", 6): "impossible-date",
    ("tissue", 7): "bad-code",
    ("tissue", 8): "impossible-date",
    ("primary_care", 12): "missing-required",
    ("primary_care", 13): "impossible-date",
    ("primary_care", 14): "missing-reference",
    ("primary_care", 15): "unknown-unit",
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with every extract captured, and a release of them."""
    site = Site.init(tmp_path_factory.mktemp("sources") / "site", name="Test Hospital", ods_code="RXX")
    capture_tables(site, FOLDER, actor="test")
    build_release(site, actor="test", at=date(2026, 11, 1))
    return site


@pytest.fixture(scope="module")
def made(sources: Site) -> Release:
    """The release."""
    return open_release(sources)


@pytest.fixture
def staged(sources: Site) -> Rows:
    """Columns of the staged rows of one source, sorted."""

    def read(source: str, table: str, columns: str) -> list[tuple[Any, ...]]:
        files = [path for batch in batches(sources) if (path := batch.table(table))]
        with Engine(threads=1) as engine:
            engine.view_parquet("t", files)
            return engine.rows(f"SELECT {columns} FROM t WHERE source = '{source}' ORDER BY ALL")

    return read


def test_the_faults_are_held_back_each_with_its_reason(sources: Site) -> None:
    held = {(Path(item.file).stem, item.line): item.reason for item in list_held(sources, limit=1000)[1]}
    assert held == FAULTS


def test_the_accounts_of_the_release_add_up_and_name_every_reason(made: Release) -> None:
    accounts = made.manifest["accounting"]
    assert {name: account["not_carried"] for name, account in accounts.items() if account["not_carried"]} == {
        "patient": {"another_record_of_the_person": 7},
        "encounter": {"did_not_take_place": 1},
        "report": {"its_results_and_text_are": 2},
        "procedure": {"not_done": 1},
        "result": {"not_final": 1},
        "imaging_study": {"not_final": 1},
        "specimen": {"consent_withdrawn": 3},
    }


def test_pathology(made: Release, staged: Rows, rows_of: Rows) -> None:
    assert staged("pathology", "result", "record_id, status, value_number, value_operator, value_text") == [
        ("R1", "corrected", 153.0, None, None),
        ("R1", "final", 135.0, None, None),
        ("R2", "final", 5.0, "<", None),
        ("R3", "final", None, None, "Rouleaux seen"),
        ("R4", "cancelled", None, None, None),
    ]
    found = rows_of(made, "measurement", "measurement_source_value", "value_as_number", "operator_concept_id")
    assert ("2951-2", 153.0, None) in found and ("2951-2", 135.0, None) not in found
    assert ("1988-5", 5.0, 4171756) in found  # the laboratory's own code is not in the vocabulary, LOINC's is
    assert ("FILM", None, None) in found
    assert len(rows_of(made, "specimen", "specimen_id")) == 3 + 2  # S1, B1, B2; T1, T2


def test_microbiology(made: Release, staged: Rows, rows_of: Rows) -> None:
    assert staged(
        "microbiology",
        "result",
        "record_id, parent_ref, value_code, value_number, value_operator, unit, interpretation",
    ) == [
        ("B1|600-7|1", None, "112283007", None, None, None, None),
        ("B2|630-4|0", None, None, None, None, None, None),
        ("M1", "B1|600-7|1", None, 16.0, ">", "mg/L", "R"),
        ("M2", "B1|600-7|1", None, 21.0, None, "mm", "S"),
    ]
    found = rows_of(
        made,
        "measurement",
        "measurement_source_value",
        "value_source_value",
        "value_as_number",
        "unit_source_value",
        "measurement_event_id IS NOT NULL",
    )
    assert ("600-7", "112283007", None, None, False) in found
    assert ("18864-9", "R", 16.0, "mg/L", True) in found
    assert ("18928-2", "S", 21.0, "mm", True) in found


def test_radiology(made: Release, staged: Rows, rows_of: Rows) -> None:
    assert [row[0] for row in staged("radiology", "imaging_study", "accession")] == ["A100", "A100", "A101"]
    assert rows_of(made, "imaging_study", "modality", "series", "instances") == [("DX", 1, 2)]
    assert rows_of(made, "note", "note_text") == [("Clear lungs. Addendum: old rib fracture.",)]
    found = rows_of(made, "procedure_occurrence", "procedure_source_value", "CAST(procedure_date AS VARCHAR)")
    assert ("399208008", "2026-03-03") in found and "CHEAD" not in {code for code, _ in found}


def test_patient_safety_events(made: Release, rows_of: Rows) -> None:
    assert rows_of(
        made,
        "incident",
        "event_kind",
        "CAST(incident_date AS VARCHAR)",
        "shift",
        "harm",
        "harm_psychological",
        "concern",
        "involved",
        "safety_challenges",
        "medication_problem",
        "device_problem",
        "category_code",
        "person_id IS NOT NULL",
    ) == [
        (
            "incident",
            "2026-03-05",
            "early",
            "low",
            "low",
            "very",
            "medication; device",
            "fall; none",
            "too_much; given_wrongly",
            "used_wrongly",
            "treatment",
            True,
        ),
        ("risk", "2026-03-04", None, None, None, "fairly", "building", None, None, None, "not_care", False),
    ]


def test_rosters(made: Release, rows_of: Rows) -> None:
    assert rows_of(
        made, "roster", "shift", "staff_group", "band", "planned_staff", "actual_staff", "agency_staff"
    ) == [("early", "registered_nurse", "5", 4, 4, 1), ("night", "healthcare_assistant", None, 3, 2, None)]


def test_social_care(made: Release, rows_of: Rows) -> None:
    assert rows_of(
        made,
        "social_care_event",
        "kind",
        "CAST(start_date AS VARCHAR)",
        "client_type",
        "service_component",
        "unit_cost",
        "outcome",
    ) == [
        ("assessment", "2026-03-20", "carer", None, None, None),
        ("request", "2026-03-10", "service_user", None, None, "Progress to assessment"),
        ("service", "2026-03-20", "service_user", "Home support", 21.5, None),
    ]


def test_mental_health(made: Release, rows_of: Rows, staged: Rows) -> None:
    visits = rows_of(
        made,
        "visit_occurrence",
        "visit_source_value",
        "visit_start_datetime::VARCHAR",
        "visit_end_datetime::VARCHAR",
    )
    assert visits == [
        ("inpatient", "2026-03-20 21:00:00", "2026-04-12 23:59:00"),
        ("outpatient", "2026-02-10 09:00:00", "2026-02-10 09:50:00"),
        ("virtual", "2026-01-10 09:10:00", "2026-01-10 09:10:00"),  # the practice's
        ("virtual", "2026-02-17 09:00:00", "2026-02-17 09:30:00"),
    ]
    assert rows_of(
        made, "visit_detail", "visit_detail_source_value", "visit_detail_start_datetime::VARCHAR"
    ) == [("ward", "2026-03-20 21:00:00")]
    procedures = rows_of(
        made, "procedure_occurrence", "procedure_source_value", "procedure_end_datetime::VARCHAR"
    )
    assert ("mha_legal_status_02", "2026-04-10 12:00:00") in procedures
    assert ("3457005", "2026-04-30 00:00:00") in procedures
    observed = rows_of(made, "observation", "observation_source_value", "value_source_value")
    assert ("primary_reason_for_referral", "05") in observed
    codes = [code for (code,) in rows_of(made, "condition_occurrence", "condition_source_value")]
    assert codes.count("F322") == 1 and codes.count("44054006") == 2  # the second one is the practice's
    assert ("720433000", 17.0) in rows_of(made, "measurement", "measurement_source_value", "value_as_number")
    assert len({row[0] for row in staged("mental_health", "patient", "record_id")}) == 1


def test_deaths(made: Release, rows_of: Rows, staged: Rows) -> None:
    assert rows_of(made, "death", "cause_source_value", "CAST(death_date AS VARCHAR)") == [
        ("I219", "2026-06-01")
    ]
    certified = rows_of(made, "condition_occurrence", "condition_source_value", "condition_type_concept_id")
    assert [code for code, kind in certified if kind == 32815] == ["E119", "J449"]
    assert (
        staged("deaths", "death", "place, CAST(registered_on AS VARCHAR)")
        == [("care home", "2026-06-05")] * 2
    )


def test_tissue(made: Release, rows_of: Rows) -> None:
    found = rows_of(
        made, "tissue_sample", "specimen_id", "parent_specimen_id", "CAST(consent_date AS VARCHAR)"
    )
    (child,) = [row for row in found if row[1] is not None]
    (parent,) = [row for row in found if row[1] is None]
    assert child[1] == parent[0] and {child[2], parent[2]} == {"2026-02-28"}


def test_primary_care(made: Release, rows_of: Rows, staged: Rows) -> None:
    assert [row[0] for row in staged("primary_care", "condition", "record_id") if row[0] == "G1"] == ["G1"]
    found = rows_of(
        made,
        "condition_occurrence",
        "condition_source_value",
        "condition_type_concept_id",
        "visit_occurrence_id IS NULL",
    )
    assert ("44054006", 32840, False) in found  # a Read code, mapped by the practice
    assert "13645005" not in {code for code, *_ in found}  # taken out of the record
    drugs = rows_of(made, "drug_exposure", "drug_source_value", "quantity", "days_supply", "refills")
    assert drugs == [("109081006", 56.0, 28, 6), ("86198006", None, None, None)]
    assert (130.0, 4172704) in rows_of(made, "measurement", "value_as_number", "operator_concept_id")
    observed = rows_of(made, "observation", "observation_source_value", "value_source_value")
    assert {("gp_registration", "registered"), ("91936005", None)} <= set(observed)
    assert ("3457005", None) in rows_of(
        made, "procedure_occurrence", "procedure_source_value", "procedure_end_datetime"
    )


def test_tables_of_one_source_may_come_in_any_order(site: Site) -> None:
    """Contacts, then ward stays, wait; people and spells bring them out of quarantine."""
    for name in ("mhs201_care_contact", "mhs502_ward_stay"):
        result = capture_table(site, name, FOLDER / f"{name}.csv", actor="test")
        assert result.staged == 0 and "missing-reference" in result.reasons
    people = capture_table(site, "mhs001_mpi", FOLDER / "mhs001_mpi.csv", actor="test")
    assert people.warnings[-1:] == ["3 rows of other tables of mental_health left quarantine"]
    spells = capture_table(site, "mhs501_hospital_spell", FOLDER / "mhs501_hospital_spell.csv", actor="test")
    assert spells.warnings[-1:] == ["1 rows of other tables of mental_health left quarantine"]
    held = {(Path(item.file).stem, item.line): item.reason for item in list_held(site)[1]}
    names = ("mhs001_mpi", "mhs201_care_contact", "mhs502_ward_stay")
    assert held == {place: reason for place, reason in FAULTS.items() if place[0] in names}
    assert status(site)["adds_up"]
