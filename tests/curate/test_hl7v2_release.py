"""A site with nothing but ADT and ORU builds a release: visits, ward stays, measurements."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.capture import capture_hl7v2, status
from lockgate.curate import build_release, open_release
from lockgate.engine import Engine
from lockgate.site import Site


def _adt(event: str, at: str, patient: int, klass: str, ward: str, end: str = "") -> str:
    fields = [""] * 46
    fields[2], fields[3], fields[19], fields[44], fields[45] = (
        klass,
        ward,
        f"V{patient}",
        "20240301090000",
        end,
    )
    return "\r".join(
        [
            f"MSH|^~\\&|PAS|RXX|||{at}||ADT^{event}|{event}{patient}|P|2.4",
            f"EVN|{event}|{at}",
            f"PID|1||{patient}^^^RXX^MR||DOE^JO{chr(96 + patient).upper()}||19600101|F|||1 HIGH ST^^LEEDS^^LS1 1AA",
            "|".join(["PV1", *fields[1:]]),
        ]
    )


def _oru(patient: int, value: str) -> str:
    visit = "|".join(["PV1", "1", "I", *[""] * 16, f"V{patient}"])
    return "\r".join(
        [
            f"MSH|^~\\&|LAB|RXX|||20240301120000||ORU^R01|R{patient}|P|2.4",
            f"PID|1||{patient}^^^RXX^MR||DOE^JO{chr(96 + patient).upper()}",
            visit,
            f"OBR|1|{patient}1|L{patient}|UE^U&E|||202403011000|||||||202403011015|BLD|||||||202403011130||CH|F",
            f"OBX|1|NM|2951-2^Sodium^LN||{value}|mmol/L|133-146|N|||F",
        ]
    )


def test_an_adt_and_oru_site_builds_visits_ward_stays_and_measurements(site: Site, tmp_path: Path) -> None:
    feed = []
    for patient in range(1, 21):
        feed += [
            _oru(patient, "<120" if patient == 1 else "140"),
            _adt("A03", "20240305100000", patient, "I", "AMU", "20240305100000"),
            _adt("A06", "20240301110000", patient, "I", "AMU"),
            _adt("A04", "20240301090000", patient, "E", "ED"),
        ]
    path = tmp_path / "feed.hl7"
    path.write_text("\r".join(feed), newline="")
    result = capture_hl7v2(site, path, source="epr", actor="test")
    assert (result.received, result.staged) == (80, 80)
    assert status(site)["adds_up"]
    build_release(site, actor="test")
    release = open_release(site)
    with Engine() as engine:
        count = {}
        for table in ("person", "visit_occurrence", "visit_detail", "measurement", "care_site"):
            engine.view_parquet(table, release.table_path(table))
            count[table] = engine.one(f"SELECT count(*) FROM {table}")
        assert count == {
            "person": 20,
            "visit_occurrence": 20,
            "visit_detail": 40,
            "measurement": 20,
            "care_site": 2,
        }
        # began in the emergency department, went on to a ward: one visit of concept 262
        assert engine.rows("SELECT DISTINCT visit_concept_id FROM visit_occurrence") == [(262,)]
        assert sorted(
            engine.rows("SELECT visit_detail_source_value, count(*) FROM visit_detail GROUP BY 1")
        ) == [
            ("emergency", 20),
            ("ward", 20),
        ]
        low = "SELECT value_as_number FROM measurement WHERE operator_concept_id = 4171756"
        assert engine.rows(low) == [(120.0,)]


@pytest.mark.parametrize("first", ["result", "move"])
def test_a_result_is_of_whoever_the_visit_was_moved_to(site: Site, tmp_path: Path, first: str) -> None:
    settings = site.path / "site.toml"
    settings.write_text(settings.read_text() + "\n[quality]\nchecks = false\n")
    site = Site.open(site.path)
    admitted = [_adt("A01", "20240301090000", patient, "I", "AMU") for patient in range(1, 9)]
    moved = _adt("A45", "20240302090000", 2, "I", "AMU").replace("|V2|", "|V9|")
    moved = moved.replace("\rPV1", "\rMRG|1^^^RXX^MR||||V1\rPV1")
    later = [_oru(1, "137"), moved] if first == "result" else [moved, _oru(1, "137")]
    for number, text in enumerate(["\r".join(admitted), *later]):
        path = tmp_path / f"{number}.hl7"
        path.write_text(text, newline="")
        capture_hl7v2(site, path, source="epr", actor="test")
        # the release before the move goes on to the one after it: the same as one built in full
        if number or first == "result":
            build_release(site, actor="test", checked=number == len(later))
    assert status(site)["adds_up"]
    release = open_release(site)
    with Engine() as engine:
        for table in ("person", "visit_occurrence", "measurement"):
            engine.view_parquet(table, release.table_path(table))
        # the measurement is of the person with two visits, in the visit that was moved
        assert engine.rows(
            "SELECT m.value_as_number, m.person_id = v.person_id,"
            " (SELECT count(*) FROM visit_occurrence o WHERE o.person_id = m.person_id)"
            " FROM measurement m JOIN visit_occurrence v USING (visit_occurrence_id)"
        ) == [(137.0, True, 2)]
        assert engine.one("SELECT count(DISTINCT person_id) FROM visit_occurrence") == 7
