"""HES, critical care, emergency care and Friends and Family comments: invented rows, and the shared artificial ones."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import capture_table, contracts
from lockgate.capture.views import latest_view
from lockgate.curate import build_release, open_release
from lockgate.engine import Engine
from lockgate.errors import Refused
from lockgate.site import Site

from .conftest import adds_up

APC = (
    "EPIKEY,PSEUDO_HESID,PROCODE3,ADMIDATE,DISDATE,EPISTART,EPIEND,EPIORDER,EPISTAT,SEX,MYDOB,DIAG_01,DIAG_02,"
    "OPERTN_01,OPDATE_01"
)
OLD = APC.replace("DIAG_0", "DIAG_4_0").replace("OPERTN_0", "OPERTN_4_0").replace(",OPDATE_01", ",SURPRISE")
STAY = [
    "11,TOKEN1,RXX,2012-03-01,1800-01-01,2012-03-01,2012-03-03,1,3,2,041968,I501,-,X999,",
    "12,TOKEN1,RXX,2012-03-01,2012-03-09,2012-03-03,2012-03-09,2,3,2,041968,I500,E119,G451,2012-03-04",
]
OP = "ATTENDKEY,PSEUDO_HESID,PROCODE3,APPTDATE,ATTENDED,SEX,DIAG_4_01,OPERTN_4_01\n"
AE = "AEKEY,PSEUDO_HESID,PROCODE3,ARRIVALDATE,ARRIVALTIME,DEPDUR,DIAGSCHEME,DIAG2_01,INVEST2_01,TREAT3_01\n"
CC = (
    "EPIKEY,ACPN,PSEUDO_HESID,PROCODE3,ADMIDATE,CCSTARTDATE,CCSTARTTIME,CCDISDATE,CCDISTIME,BRESSUPDAYS,ARESSUPDAYS,"
    "RENSUPDAYS,ORGSUPMAX,CCLEV3DAYS\n"
)
ECDS = (
    "EPIKEY|TOKEN_PERSON_ID|PROVIDER_CODE|ARRIVAL_DATE|ARRIVAL_TIME|DEPARTURE_DATE|DEPARTURE_TIME|CHIEF_COMPLAINT|"
    "BIRTH_YEAR|BIRTH_MONTH|STATED_GENDER|DIAGNOSIS_CODE_1|DIAGNOSIS_QUALIFIER_1|COMORBIDITIES_1|INVESTIGATION_CODE_1|"
    "INVESTIGATION_DATE_1|INVESTIGATION_TIME_1|TREATMENT_CODE_1\n"
)


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that holds one invented person's stay, attendances and critical care."""
    folder = tmp_path_factory.mktemp("national")
    site = Site.init(folder / "site", name="Test Hospital", ods_code="RXX")
    files = {
        "critical_care": CC
        + "12,1,TOKEN1,RXX,2012-03-01,2012-03-04,14:30:00,2012-03-06,09:00:00,2,1,999,2,2\n",
        "hes_op": OP
        + "21,TOKEN1,RXX,2012-05-01,5,2,R69X,X999\n22,TOKEN1,RXX,2012-06-01,3,2,R69X,&\n"
        + "23,TOKEN2,RXX,2012-06-01,5,1,L309,\n",
        "hes_ae": AE
        + "31,TOKEN1,RXX,2012-03-01,0930,150,01,20,01,22\n32,TOKEN2,RXX,2012-03-01,4000,10,02,I21,,\n",
        "ecds": ECDS
        + "41|TOKEN1|RXX|2020-10-25|01:30:00|2020-10-25|05:00|29857009|1968|4|2|22298006|415684004|44054006|29303009|"
        "2020-10-25|02:15:00|182813001\n",
        "hes_apc": APC + "\n" + "\n".join(STAY) + "\n",
    }
    for name, text in files.items():
        path = folder / f"{name}.csv"
        path.write_text(text)
        assert adds_up(capture_table(site, name, path, actor="test"))
    return site.path


@pytest.fixture
def national(site: Site, captured: Path) -> Site:
    """A copy of it, where the test's site was."""
    shutil.rmtree(site.path)
    return Site.open(shutil.copytree(captured, site.path))


def latest(site: Site, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    with Engine(threads=1) as engine:
        view = latest_view(engine, site, table)
        return engine.rows(f"SELECT {columns} FROM {view} WHERE {where} ORDER BY ALL")


def test_episodes_become_one_stay(national: Site, faults) -> None:
    stay = "spell|TOKEN1|RXX|2012-03-01"
    assert latest(
        national,
        "encounter",
        "record_id, start_at::DATE::VARCHAR, end_at::DATE::VARCHAR",
        "encounter_class = 'inpatient'",
    ) == [(stay, "2012-03-01", "2012-03-09")]
    moves = latest(national, "encounter_move", "record_id, encounter_ref, kind, start_at::VARCHAR")
    assert moves == [
        ("apc|11", stay, "other", "2012-03-01 00:00:00"),
        ("apc|12", stay, "other", "2012-03-03 00:00:00"),
        ("cc|12|1", stay, "critical_care", "2012-03-04 14:30:00"),
    ]
    diagnoses = latest(
        national, "condition", "record_id, code_system, code, rank", "starts_with(record_id, 'apc')"
    )
    assert diagnoses == [
        ("apc|11#1", "ICD10", "I501", 1),
        ("apc|12#1", "ICD10", "I500", 1),
        ("apc|12#2", "ICD10", "E119", 2),
    ]
    assert latest(
        national, "procedure", "record_id, code, start_at::DATE::VARCHAR", "starts_with(record_id, 'apc')"
    ) == [("apc|12#1", "G451", "2012-03-04")]
    assert faults() == {}  # critical care waited for its stay, and was staged when it came


def test_one_person_of_all_tables_keeps_what_is_known_best(national: Site) -> None:
    known = latest(national, "patient", "record_id, birth_date::VARCHAR")
    assert known == [("TOKEN1", "1968-04-01"), ("TOKEN2", None)]
    assert latest(national, "patient", "sex", "record_id = 'TOKEN1'") == [("F",)]


def test_appointments_not_kept_are_no_visits_and_stand_without_diagnoses(national: Site) -> None:
    assert latest(national, "encounter", "record_id, status", "encounter_class = 'outpatient'") == [
        ("op|21", "finished"),
        ("op|22", "cancelled"),
        ("op|23", "finished"),
    ]
    told = latest(national, "condition", "record_id, code", "starts_with(record_id, 'op')")
    assert told == [("op|21#1", "R69X"), ("op|23#1", "L309")]


def test_emergency_attendances(national: Site) -> None:
    seen = latest(
        national,
        "encounter",
        "record_id, start_at::VARCHAR, end_at::VARCHAR, time_flag",
        "encounter_class = 'emergency'",
    )
    assert seen == [
        ("ae|31", "2012-03-01 09:30:00", "2012-03-01 12:00:00", None),
        ("ae|32", "2012-03-01 00:00:00", None, None),
        ("ecds|41", "2020-10-25 01:30:00", "2020-10-25 05:00:00", "ambiguous"),
    ]
    assert latest(
        national,
        "condition",
        "record_id, code_system, code, verification_status",
        "record_id[:2] IN ('ae', 'ec')",
    ) == [
        ("ae|31#1", "urn:nhs:ae-diagnosis", "20", None),
        ("ae|32#1", "ICD10", "I21", None),
        ("ecds|41#c", "SNOMED", "29857009", None),
        ("ecds|41#d1", "SNOMED", "22298006", "provisional"),
        ("ecds|41#m1", "SNOMED", "44054006", None),
    ]
    assert latest(
        national, "procedure", "record_id, code_system, start_at::VARCHAR", "record_id[:2] IN ('ae', 'ec')"
    ) == [
        ("ae|31#i1", "urn:nhs:ae-investigation", "2012-03-01 09:30:00"),
        ("ae|31#t1", "urn:nhs:ae-treatment", "2012-03-01 09:30:00"),
        ("ecds|41#i1", "SNOMED", "2020-10-25 02:15:00"),
        ("ecds|41#t1", "SNOMED", "2020-10-25 01:30:00"),
    ]


def test_an_age_at_arrival_gives_a_year_of_birth(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "ecds.csv"
    path.write_text(
        "EPIKEY|TOKEN_PERSON_ID|ARRIVAL_DATE|BIRTH_YEAR|AGE_AT_ARRIVAL\n"
        "1|A|2022-09-20||40\n2|B|2022-09-20|1950|72\n3|C|2022-09-20||\n4|D|2022-09-20||0\n"
    )
    assert adds_up(capture_table(site, "ecds", path, actor="test"))
    assert latest(site, "patient", "record_id, birth_date::VARCHAR, birth_year_about") == [
        ("A", None, 1982), ("B", "1950-01-01", None), ("C", None, None), ("D", None, 2022),
    ]  # fmt: skip


def test_days_of_organ_support(national: Site) -> None:
    assert latest(national, "result", "code, value_number, unit_code") == [
        ("advanced-respiratory-support-days", 1.0, "d"),
        ("basic-respiratory-support-days", 2.0, "d"),
        ("level-3-days", 2.0, "d"),
        ("organ-support-maximum", 2.0, None),
    ]


def test_an_older_vintage_reads_the_same(site: Site, tmp_path: Path, rows) -> None:
    path = tmp_path / "old.csv"
    path.write_text(OLD + "\n" + STAY[1] + "\n")
    result = capture_table(site, "hes_apc", path, actor="test")
    assert any("Surprise" in word or "SURPRISE" in word for word in result.warnings)
    assert rows("condition", "code", "NOT deleted") == [("E119",), ("I500",)]
    assert rows("procedure", "code, start_at::DATE::VARCHAR") == [("G451", "2012-03-03")]


def test_a_release_of_hes_alone_has_visits_diagnoses_and_procedures(national: Site) -> None:
    release = open_release(national, build_release(national, actor="test").release)
    counts = {}
    with Engine(threads=1) as engine:
        for table in (
            "person",
            "visit_occurrence",
            "visit_detail",
            "condition_occurrence",
            "procedure_occurrence",
        ):
            counts[table] = engine.one(f"SELECT count(*) FROM '{release.path}/omop/{table}.parquet'")
    # A person whom only outpatients and A&E know has no date of birth, and is not carried.
    assert counts["person"] == 1
    assert counts["visit_occurrence"] == 4  # a stay, an appointment kept, two emergency attendances
    assert counts["visit_detail"] == 3
    assert counts["condition_occurrence"] >= 2 and counts["procedure_occurrence"] >= 1


HES = {
    "hes_apc": ("apc/artificial_hes_apc_0102_truncated", 2075, {"missing-required": 1}),
    "hes_op": ("op/artificial_hes_op_0304_truncated", 1000, {}),
    "hes_ae": ("ae/artificial_hes_ae_0708_truncated", 1000, {}),
}


@pytest.mark.parametrize("name", HES)
def test_the_artificial_rows_of_nhs_england(site: Site, shared_data: Path, name: str) -> None:
    stem, count, reasons = HES[name]
    for suffix in (".csv", ".parquet"):
        result = capture_table(site, name, shared_data / "hes" / "data" / f"{stem}{suffix}", actor="test")
        assert adds_up(result)
        assert (result.received, result.reasons) == (count, reasons)
        assert not any("does not name" in word for word in result.warnings)


def test_the_feedback_file_of_two_trusts(site: Site, shared_data: Path, rows) -> None:
    result = capture_table(site, "fft_comments", shared_data / "feedback" / "fft-comments.csv", actor="test")
    assert (result.received, result.staged) == (7908, 7908)
    assert Counter(rows("feedback", "service[:4], date_flag, received_on IS NULL")) == {
        ("NEAS", None, False): 5096 - 1213,
        ("NEAS", "ambiguous-date", True): 1213,
        ("NHFT", None, False): 2812,
    }


@pytest.mark.parametrize("name", ["hes_apc", "hes_op", "hes_ae", "critical_care", "ecds"])
def test_every_person_of_hes_is_named_by_a_pseudonym(name: str) -> None:
    contract = contracts()[name].contract
    assert contract.source == "hes" and contract.person == ["token_person_id", "hesid"]
    assert all(contract.columns[column].identifies for column in contract.person)


def test_rows_that_are_the_same_in_two_contracts_of_a_source_are_two_items(
    site: Site, tmp_path: Path
) -> None:
    diagnosis = tmp_path / "diagnosis.csv"
    diagnosis.write_text(
        "service_request_id,local_patient_id,scheme,diagnosis,coded_at,submitted_at\n"
        "R1,L1,02,F320,2024-03-01T09:00:00,2024-04-01T00:00:00\n"
    )
    for name in ("mhs604_primary_diagnosis", "mhs605_secondary_diagnosis"):
        result = capture_table(site, name, diagnosis, actor="test")
        assert adds_up(result) and result.duplicates == 0
        again = capture_table(site, name, diagnosis, actor="test")
        assert again.duplicates == 1


def test_client_level_data_under_its_own_names(site: Site, tmp_path: Path) -> None:
    """The header as councils send it: every column is read or known to be kept, and later quarters count."""
    header = (
        "LA Code,LA Name,Reporting Period Start Date,Reporting Period End Date,NHS Number,LA Person Unique Identifier,"
        "Date Of Birth,Date Of Death,Gender,Ethnicity,Postcode,Client Type,Primary Support Reason,Event Type,"
        "Event Reference,Event Start Date,Event End Date,Event Outcome,Request Route of Access,Service Type,"
        "Service Component,Unit Cost,Cost Frequency (Unit Type),Planned units per week,Adult 1 Linked Person ID\n"
    )
    row = (
        "E99999999,Invented,2026-04-01,{until},,P1,1950-03-02,,Female,A,,Service User,Physical Support,Service,EV1,"
        "2026-04-05,{end},,,Long Term Support: Community,Home Support,412.5,Per week,14,\n"
    )
    for quarter, until, end in (("q2", "2026-09-30", "2026-08-01"), ("q1", "2026-06-30", "")):
        path = tmp_path / f"{quarter}.csv"
        path.write_text(header + row.format(until=until, end=end))
        counts = capture_table(site, "social_care", path, actor="test")
        assert adds_up(counts)
        assert counts.quarantined == 0
        assert not any("does not name" in note for note in counts.warnings)
    with Engine() as engine:
        view = latest_view(engine, site, "social_care_event")
        ends = engine.rows(f"SELECT CAST(end_at AS DATE), unit_cost, cost_frequency FROM {view}")
    assert [(str(end), float(cost), unit) for end, cost, unit in ends] == [("2026-08-01", 412.5, "Per week")]


def test_two_names_of_one_column_in_a_file(site: Site, tmp_path: Path) -> None:
    """National extracts hold a local and a unique form of a number: the contract's order says which is read."""
    person = tmp_path / "mhs001_mpi.csv"
    person.write_text(
        "LocalPatientId,PersonBirthDate,Gender,EFFECTIVE_FROM\nL1,1980-01-02,2,2026-04-21T09:00:00\n"
    )
    assert capture_table(site, "mhs001_mpi", person, actor="test").staged == 1
    path = tmp_path / "mhs101_referral.csv"
    path.write_text(
        "UniqServReqID,ServiceRequestId,LocalPatientId,ReferralRequestReceivedDate,PrimReasonReferralMH,EFFECTIVE_FROM\n"
        "RXX7,7,L1,2026-03-01,02,2026-04-21T09:00:00\n"
    )
    result = capture_table(site, "mhs101_referral", path, actor="test")
    assert (result.staged, result.quarantined) == (1, 0)
    assert [note for note in result.warnings if "another name" in note] == [
        "UniqServReqID is another name of service_request_id, which the file has too: kept raw and not staged"
    ]
    path.write_text(
        "ServiceRequestId,Service Request ID,LocalPatientId,ReferralRequestReceivedDate\n7,8,L1,2026-03-01\n"
    )
    with pytest.raises(Refused, match="does not fit"):
        capture_table(site, "mhs101_referral", path, actor="test")
