"""Every shipped contract of the other sources, on a small invented extract: what is held back, staged and released."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import batches, capture_tables, list_held
from lockgate.curate import Release, build_release, open_release
from lockgate.engine import Engine
from lockgate.site import Site

Rows = Callable[..., list[tuple[Any, ...]]]
NHS = ("9434765919", "9434765870")  # of Ada and Ben, who are invented

FILES = {
    # a correction of R1, a value below the limit of detection, words, a cancelled test; then the faults
    "pathology": """
result_id,hospital_number,nhs_number,birth_date,sample_id,specimen_type,specimen_snomed,collected_at,received_at,reported_at,panel_code,test_code,test_code_system,test_name,mapped_code,mapped_code_system,value,unit,range_low,range_high,abnormal,status,updated_at
R1,H1,9434765919,1950-06-17,S1,blood,119297000,2026-03-01T08:00:00,2026-03-01T09:00:00,2026-03-01T10:00:00,UE,2951-2,LOINC,Sodium,,,135,mmol/L,133,146,N,F,2026-03-01T10:00:00
R1,H1,9434765919,1950-06-17,S1,blood,119297000,2026-03-01T08:00:00,2026-03-01T09:00:00,2026-03-01T12:00:00,UE,2951-2,LOINC,Sodium,,,153,mmol/L,133,146,H,C,2026-03-01T12:00:00
R2,H1,,1950-06-17,S1,blood,119297000,2026-03-01T08:00:00,,2026-03-01T10:00:00,CRP,CRP,WinPath,C-reactive protein,1988-5,LOINC,<5,mg/L,,,,F,2026-03-01T10:00:00
R3,H1,,1950-06-17,S1,blood,119297000,2026-03-01T08:00:00,,2026-03-01T10:00:00,FILM,FILM,WinPath,Blood film,,,Rouleaux seen,,,,A,F,2026-03-01T10:00:00
R4,H1,,1950-06-17,S1,blood,119297000,2026-03-01T08:00:00,,2026-03-01T10:00:00,K,K,WinPath,Potassium,,,,mmol/L,,,,X,2026-03-01T10:00:00
R5,,,1950-06-17,S9,,,2026-03-01T08:00:00,,,UE,2951-2,LOINC,Sodium,,,140,mmol/L,,,,F,2026-03-01T10:00:00
R6,H1,,1950-06-17,S9,,,2026-03-01T08:00:00,,,UE,2951-2,LOINC,Sodium,,,140,mmol/L,,,,Q,2026-03-01T10:00:00
R7,H1,,1950-06-17,S9,,,2026-02-30T08:00:00,,,UE,2951-2,LOINC,Sodium,,,140,mmol/L,,,,F,2026-03-01T10:00:00
R8,H1,,1950-06-17,S9,,,2026-03-01T08:00:00,,,UE,2951-2,LOINC,Sodium,,,,mmol/L,,,,F,2026-03-01T10:00:00
R9,H1,9434765918,1950-06-17,S9,,,2026-03-01T08:00:00,,,UE,2951-2,LOINC,Sodium,,,140,mmol/L,,,,F,2026-03-01T10:00:00
""",
    "microbiology": """
line_id,hospital_number,birth_date,sample_id,specimen_type,specimen_snomed,collected_at,test_code,test_code_system,test_name,status,growth,isolate,organism_code,organism_code_system,organism_name,antibiotic_code,antibiotic_code_system,antibiotic_name,interpretation,mic,zone_mm,updated_at
M1,H1,1950-06-17,B1,blood culture,119297000,2026-03-02T08:00:00,600-7,LOINC,Blood culture,F,,1,112283007,SNOMED,Escherichia coli,18864-9,LOINC,Ampicillin,R,>16,,2026-03-04T08:00:00
M2,H1,1950-06-17,B1,blood culture,119297000,2026-03-02T08:00:00,600-7,LOINC,Blood culture,F,,1,112283007,SNOMED,Escherichia coli,18928-2,LOINC,Gentamicin,S,,21,2026-03-04T08:00:00
M3,H1,1950-06-17,B2,urine,,2026-03-02T09:00:00,630-4,LOINC,Urine culture,F,No growth,,,,,,,,,,,2026-03-04T08:00:00
M4,H1,1950-06-17,B3,urine,,2026-03-02T09:00:00,630-4,LOINC,Urine culture,F,,1,,,,,,,,,,2026-03-04T08:00:00
M5,H1,1950-06-17,B3,urine,,2026-03-02T09:00:00,630-4,LOINC,Urine culture,F,,1,112283007,SNOMED,Escherichia coli,18864-9,LOINC,Ampicillin,,,,2026-03-04T08:00:00
""",
    "radiology": """
accession,hospital_number,birth_date,exam_code,exam_name,exam_snomed,modality,body_site_snomed,performed_at,reported_at,status,series,images,reported_by,report,updated_at
A100,H1,1950-06-17,XCHES,XR Chest,399208008,XR,51185008,2026-03-03T08:00:00,2026-03-03T09:00:00,final,1,2,Dr Jo Pemberley,Clear lungs.,2026-03-03T09:00:00
A100,H1,1950-06-17,XCHES,XR Chest,399208008,XR,51185008,2026-03-03T08:00:00,2026-03-03T11:00:00,addendum,1,2,Dr Jo Pemberley,Clear lungs. Addendum: old rib fracture.,2026-03-03T11:00:00
A101,H1,1950-06-17,CHEAD,CT Head,,CT,,2026-03-03T08:00:00,,cancelled,,,,,2026-03-03T09:00:00
A102,H1,1950-06-17,XCHES,XR Chest,,XX,,2026-03-03T08:00:00,,final,,,,Clear.,2026-03-03T09:00:00
A103,H1,1950-06-17,XCHES,XR Chest,,XR,,2026-03-03T08:00:00,2026-03-02T08:00:00,final,,,,Clear.,2026-03-03T09:00:00
A104,H1,1950-06-17,,XR Chest,,XR,,2026-03-03T08:00:00,,final,,,,Clear.,2026-03-03T09:00:00
""",
    "lfpse": """
reference,event_type,reported_at,occurred_on,occurred_time,ward_code,hospital_number,nhs_number,service,process,involved_agents,safety_challenges,medication_problem,device_problem,physical_harm,psychological_harm,level_of_concern,description,last_updated
E1,incident,2026-03-05T10:00:00,2026-03-05,08:30,W1,H1,9434765919,1,6,4;3,2;6,1;3,3,4,3,5,Fell after a double dose,2026-03-05T10:00:00
E2,risk,2026-03-05T10:00:00,2026-03-04,,W1,,,1,11,13,,,,,,4,Loose rail,2026-03-05T10:00:00
E3,incident,2026-03-05T10:00:00,2026-03-04,,W1,,,1,6,4;99,,,,4,,,Wrong dose,2026-03-05T10:00:00
E4,incident,2026-03-05T10:00:00,,08:30,W1,,,1,6,,,,,4,,,No day,2026-03-05T10:00:00
E5,risk,2026-03-05T10:00:00,2026-03-04,,W1,,,1,6,,,,,1,,,Fatal risk,2026-03-05T10:00:00
""",
    "rosters": """
ward_code,shift_date,shift,staff_group,band,planned_staff,actual_staff,bank_staff,agency_staff,absent_staff,planned_hours,actual_hours,updated_at
W1,2026-03-05,early,RN,5,4,4,1,1,2,30,30,2026-03-06T00:00:00
W1,2026-03-05,night,HCA,-,3,2,,,1,30,20,2026-03-06T00:00:00
W1,2026-03-05,late,RN,5,4,1,1,1,2,30,30,2026-03-06T00:00:00
W1,2026-03-05,late,RN,15,4,1,1,0,2,30,30,2026-03-06T00:00:00
""",
    "social_care": """
local_authority,event_reference,la_person_id,nhs_number,birth_date,gender,ethnicity,postcode,client_type,primary_support_reason,event_type,event_start,event_end,route_of_access,assessment_type,service_type,service_component,delivery_mechanism,review_reason,event_outcome,unit_cost,cost_frequency,planned_units_per_week,updated_at
E09000001,SC1,LA7,9434765919,1950-06-17,Female,A,NW9 4QX,Service User,Physical support,Request,2026-03-10,,Discharge from hospital,,,,,,Progress to assessment,,,,2026-04-01T00:00:00
E09000001,SC2,LA7,9434765919,1950-06-17,Female,A,NW9 4QX,Service User,Physical support,Service,2026-03-20,2026-06-20,,,Long term support: community,Home support,CASSR Managed Personal Budget,,,21.5,Hourly,10,2026-07-01T00:00:00
E09000001,SC3,LA8,,1980-01-01,Male,,,Carer,,Assessment,2026-03-20,,,Carer's assessment,,,,,,,,,2026-07-01T00:00:00
E09000001,SC4,LA7,9434765919,1950-06-17,Female,A,,Service User,,Service,2026-03-20,2026-03-01,,,Short term support,,,,,,,,2026-07-01T00:00:00
E09000001,SC5,LA7,9434765919,1950-06-17,Female,A,,Service User,,Service,2026-03-20,,,,,,,,,,,,2026-07-01T00:00:00
E09000001,SC6,LA7,9434765919,1950-06-17,Female,A,,Service User,,Chat,2026-03-20,,,,,,,,,,,,2026-07-01T00:00:00
""",
    # headers as the data set writes them
    "mhs001_mpi": """
LocalPatientId,NHSNumber,BirthDate,Gender,EthnicCategory,Postcode,SubmittedAt
P1,9434765919,1950-06-17,2,A,NW9 4QX,2026-05-01T00:00:00
P2,9434765871,1980-02-03,1,Z,,2026-05-01T00:00:00
""",
    "mhs101_referral": """
ServiceRequestId,LocalPatientId,ReferralReceivedDate,ReferralReceivedTime,SourceOfReferral,PrimaryReason,ServiceType,DischargeDate,SubmittedAt
SR1,P1,2026-02-01,10:15,A1,05,A02,2026-04-30,2026-05-01T00:00:00
SR2,P1,2026-02-01,,A1,05,A02,2026-01-30,2026-05-01T00:00:00
""",
    "mhs201_care_contact": """
CareContactId,LocalPatientId,ServiceRequestId,ContactDate,ContactTime,DurationMinutes,Mechanism,LocationType,Attendance,SubmittedAt
CC1,P1,SR1,2026-02-10,09:00,50,01,E01,5,2026-05-01T00:00:00
CC2,P1,SR1,2026-02-17,09:00,30,02,,5,2026-05-01T00:00:00
CC3,P1,SR1,2026-02-24,09:00,30,01,A01,3,2026-05-01T00:00:00
CC4,P1,SR1,2026-02-24,25:00,30,01,A01,5,2026-05-01T00:00:00
CC5,P9,SR1,2026-02-24,09:00,30,01,A01,5,2026-05-01T00:00:00
""",
    "mhs401_mha_period": """
MHAPeriodId,LocalPatientId,LegalStatus,StartDate,StartTime,EndDate,EndTime,SubmittedAt
L1,P1,02,2026-03-20,22:00,2026-04-10,12:00,2026-05-01T00:00:00
L2,P1,two,2026-03-20,22:00,2026-04-10,12:00,2026-05-01T00:00:00
""",
    "mhs501_hospital_spell": """
HospitalSpellId,LocalPatientId,StartDate,StartTime,SourceOfAdmission,DischargeDate,DischargeTime,DischargeDestination,SubmittedAt
HS1,P1,2026-03-20,21:00,19,2026-04-12,,19,2026-05-01T00:00:00
""",
    "mhs502_ward_stay": """
WardStayId,HospitalSpellId,LocalPatientId,WardCode,StartDate,StartTime,EndDate,EndTime,SubmittedAt
WS1,HS1,P1,MHW,2026-03-20,21:00,2026-04-12,,2026-05-01T00:00:00
WS2,HS7,P1,MHW,2026-03-20,21:00,2026-04-12,,2026-05-01T00:00:00
""",
    "mhs604_primary_diagnosis": """
ServiceRequestId,LocalPatientId,Scheme,Diagnosis,CodedAt,SubmittedAt
SR1,P1,02,F322,2026-02-10T09:30:00,2026-05-01T00:00:00
SR1,P1,09,F322,2026-02-10T09:31:00,2026-05-01T00:00:00
""",
    "mhs605_secondary_diagnosis": """
ServiceRequestId,LocalPatientId,Scheme,Diagnosis,CodedAt,SubmittedAt
SR1,P1,06,44054006,2026-02-10T09:30:00,2026-05-01T00:00:00
""",
    "mhs606_scored_assessment": """
ServiceRequestId,LocalPatientId,Assessment,Score,CompletedAt,SubmittedAt
SR1,P1,720433000,17,2026-02-10T09:40:00,2026-05-01T00:00:00
SR1,P1,720433000,many,2026-02-11T09:40:00,2026-05-01T00:00:00
""",
    # D1 comes again with fewer causes
    "deaths": """
death_id,nhs_number,birth_date,death_date,place,cause_icd10,contributing_icd10,registered_on,recorded_at
D1,9434765870,1980-02-03,2026-06-01,care home,I219,E119;J449;I10,2026-06-05,2026-06-06T00:00:00
D1,9434765870,1980-02-03,2026-06-01,care home,I219,E119;J449,2026-06-05,2026-06-09T00:00:00
D2,9434765870,1980-02-03,2026-06-01,home,heart,,2026-06-05,2026-06-06T00:00:00
D3,9434765870,1980-02-03,2026-06-01,home,I219,E119;sugar,2026-06-05,2026-06-06T00:00:00
D4,9434765870,1980-02-03,2026-06-01,home,I219,,2026-05-05,2026-06-06T00:00:00
""",
    "tissue": """
sample_id,hospital_number,birth_date,parent_sample_id,collected_at,sample_type,sample_type_snomed,quantity_ml,consent,consent_date,withdrawn_on
T1,H1,1950-06-17,,2026-03-01T08:00:00,blood,119297000,8,research,2026-02-28,
T2,H1,1950-06-17,T1,2026-03-01T08:00:00,plasma,119361006,2,research,2026-02-28,
T3,H1,1950-06-17,,2026-03-01T08:00:00,blood,119297000,8,research,2026-02-28,2026-05-01
T4,H1,1950-06-17,T3,2026-03-01T08:00:00,plasma,119361006,2,research,2026-02-28,
T5,H1,1950-06-17,T4,2026-03-01T08:00:00,DNA,258566005,1,research,2026-02-28,
T6,H1,1950-06-17,T6,2026-03-01T08:00:00,DNA,258566005,1,research,2026-02-28,
T7,H1,1950-06-17,,2026-03-01T08:00:00,DNA,258566005,1,research,2026-02-28,2026-02-01
""",
    "primary_care": """
event_id,record_action,nhs_number,birth_date,sex,practice_code,event_date,event_time,end_date,event_type,consultation_id,consultation_mode,clinician_id,code_system,code,term,mapped_code,mapped_code_system,value,unit,quantity,dose,days_supply,repeats,updated_at
G0,,9434765919,1950-06-17,F,A81001,2026-01-10,09:10,,consultation,,telephone,C9,,,,,,,,,,,,2026-01-11T00:00:00
G1,,9434765919,1950-06-17,F,A81001,2026-01-10,,,diagnosis,G0,,C9,READ2,C10F.,Type 2 diabetes,44054006,SNOMED,,,,,,,2026-01-11T00:00:00
G2,,9434765919,1950-06-17,F,A81001,2026-01-10,,,medication,G0,,C9,dm+d,109081006,Metformin,,,,,56,one twice a day,28,6,2026-01-11T00:00:00
G3,,9434765919,1950-06-17,F,A81001,2026-01-10,,,test,,,,LOINC,59261-8,HbA1c,,,>130,mmol/mol,,,,,2026-01-11T00:00:00
G4,,9434765919,1950-06-17,F,A81001,2026-01-10,,,immunisation,,,,SNOMED,86198006,Influenza vaccine,,,,,,,,,2026-01-11T00:00:00
G5,,9434765919,1950-06-17,F,A81001,2026-01-10,,,referral,G0,,,SNOMED,3457005,Referral,,,,,,,,,2026-01-11T00:00:00
G6,,9434765919,1950-06-17,F,A81001,2010-01-10,,,registration,,,,,,,,,registered,,,,,,2026-01-11T00:00:00
G7,,9434765919,1950-06-17,F,A81001,2010-01-10,,,allergy,,,,SNOMED,91936005,Allergy to penicillin,,,,,,,,,2026-01-11T00:00:00
G8,,9434765919,1950-06-17,F,A81001,2026-01-10,,,diagnosis,,,,SNOMED,13645005,COPD,,,,,,,,,2026-01-11T00:00:00
G8,D,9434765919,,,,2026-01-10,,,diagnosis,,,,,,,,,,,,,,,2026-02-11T00:00:00
F1,,9434765919,1950-06-17,F,A81001,2026-01-10,,,diagnosis,,,,SNOMED,,COPD,,,,,,,,,2026-01-11T00:00:00
F2,,9434765919,1950-06-17,F,A81001,2026-01-10,,2025-01-10,diagnosis,,,,SNOMED,13645005,COPD,,,,,,,,,2026-01-11T00:00:00
F3,,9434765919,1950-06-17,F,A81001,2026-01-10,,,diagnosis,G77,,,SNOMED,13645005,COPD,,,,,,,,,2026-01-11T00:00:00
F4,,9434765919,1950-06-17,F,A81001,2026-01-10,,,test,,,,LOINC,59261-8,HbA1c,,,54,furlong,,,,,2026-01-11T00:00:00
""",
}

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
    root = tmp_path_factory.mktemp("sources")
    site = Site.init(root / "site", name="Test Hospital", ods_code="RXX")
    folder = root / "tables"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.csv").write_text(text.lstrip(), encoding="utf-8")
    capture_tables(site, folder, actor="test")
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
    assert ("58332-8", "care_home") in rows_of(
        made, "observation", "observation_source_value", "value_source_value"
    )
    assert staged("deaths", "death", "CAST(registered_on AS VARCHAR)") == [("2026-06-05",)] * 2


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
