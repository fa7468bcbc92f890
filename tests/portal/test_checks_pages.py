"""Failed checks in exact numbers and rows that fail them: for those who keep the data, and nobody else."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import Client

from lockgate.catalogue import examples
from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.engine.omop import find_omop
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import ROLES, Person
from lockgate.portal.accounts.services import create_user
from lockgate.portal.checks import rules
from lockgate.portal.outbox.models import Message
from lockgate.quality.own import read_own, run_own
from lockgate.quality.report import write_results
from lockgate.quality.run import run_checks
from lockgate.quality.thresholds import load
from lockgate.site import Site

pytestmark = pytest.mark.django_db

BIRTH = "field_plausiblevaluehigh_person_year_of_birth"
NOTES = "field_isforeignkey_note_person_id"
OWN = "description: An incident says nothing\ntable: incident\nfield: description\n"
TODAY = date(2026, 6, 1)


@pytest.fixture
def faults(hospital: Site) -> Site:
    """A release with people born too late, notes of nobody, and a check of the site's own that two comments fail."""
    folder = hospital.releases / "2026.2"
    (folder / "omop").mkdir(parents=True)
    (folder / "linked").mkdir()
    people = {"person_id": [11, 12, 13], "gender_concept_id": [8507] * 3, "year_of_birth": [1950, 2040, 2041]}
    pq.write_table(pa.table(people), folder / "omop" / "person.parquet")
    notes = {"note_id": [5], "person_id": [99], "note_date": [TODAY], "note_text": ["Words of a note"]}
    pq.write_table(pa.table(notes), folder / "omop" / "note.parquet")
    said = {"person_id": [12, 13], "description": ["Words one", "Words two"]}
    pq.write_table(pa.table(said), folder / "linked" / "incident.parquet")
    checks = hospital.path / "quality"
    checks.mkdir()
    (checks / "comments.yaml").write_text(OWN)
    (checks / "comments.sql").write_text("SELECT person_id, description FROM incident")
    with Engine(threads=1) as engine:
        results = run_checks(engine, find_omop(folder / "omop"), load("5.4"), today=TODAY)
        engine.view_parquet("incident", folder / "linked" / "incident.parquet")
        results += run_own(engine, read_own(checks), {"incident": 2})
    write_results(results, folder / "quality.parquet")
    told = {"tables": {}, "opt_out_cut_off": TODAY.isoformat(), "quality_checks": {"source": "x"}}
    (folder / "manifest.json").write_text(json.dumps(told))
    return hospital


def test_a_data_engineer_sees_what_failed_and_why(
    client: Client, faults: Site, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(people["enid"])
    first = client.get("/checks/2026.2/").content.decode()
    assert "Fatal" in first and "2 of 3 rows (66.67 %)" in first
    text = client.get(f"/checks/2026.2/{BIRTH}/").content.decode()
    assert "2 of 3 rows fail it" in text and ">2041<" in text and ">1950<" not in text
    noted = Message.objects.filter(event="quality.examples").get()
    assert (noted.actor, noted.detail["check"], noted.detail["rows"]) == ("enid", BIRTH, 2)
    assert "2041" not in json.dumps(noted.detail)
    # words are never shown here
    text = client.get(f"/checks/2026.2/{NOTES}/").content.decode()
    assert ">99<" in text and "Words of a note" not in text and "note_text" in text
    text = client.get("/checks/2026.2/comments/").content.decode()
    assert ">13<" in text and "Words one" not in text
    told = client.get(f"/api/checks/2026.2/{BIRTH}").json()
    assert [row["person_id"] for row in told["rows"]] == [12, 13]
    # a check that passed, one that isn't, a release that isn't
    for wrong in (
        "2026.2/field_isprimarykey_person_person_id",
        "2026.2/nothing",
        f"2026.9/{BIRTH}",
        "2026.1",
    ):
        assert client.get(f"/checks/{wrong}/").status_code == 404

    def object_to_it(engine: Any, *_: object) -> None:
        engine.execute("CREATE TABLE unwilling AS SELECT CAST(13 AS BIGINT) AS person_id")

    monkeypatch.setattr(examples, "find_unwilling", object_to_it)
    told = client.get(f"/api/checks/2026.2/{BIRTH}").json()
    assert [row["person_id"] for row in told["rows"]] == [12]


def test_an_owner_sees_the_rows_of_their_own_data_set(
    client: Client, faults: Site, people: dict[str, User]
) -> None:
    client.force_login(people["ines"])  # she owns the incidents
    assert [one["check"] for one in client.get("/api/checks/2026.2").json()] == ["comments"]
    assert ">13<" in client.get("/checks/2026.2/comments/").content.decode()
    assert client.get(f"/checks/2026.2/{BIRTH}/").status_code == 404
    client.force_login(people["tim"])
    assert client.get("/api/checks/2026.2").json() == []
    assert "No check of the tables that you keep failed" in client.get("/checks/2026.2/").content.decode()
    assert client.get("/checks/2026.2/comments/").status_code == 404


def test_researchers_see_none_whatever_else_they_are(
    client: Client, faults: Site, people: dict[str, User]
) -> None:
    both = create_user("rex", name="Rex", roles=["data_engineer", "applicant"], actor="test")
    for user in (both, *people.values()):
        client.force_login(user)
        allowed = user.username in ("enid", "ines", "tim")
        for address in ("/checks/2026.2/", f"/checks/2026.2/{BIRTH}/", f"/api/checks/2026.2/{BIRTH}"):
            answer = client.get(address)
            if not allowed:
                assert answer.status_code == 403, (user.username, address)
            elif user.username != "enid" and "plausible" in address:
                assert answer.status_code == 404
            assert (b"2041" in answer.content) is (user.username == "enid" and "plausible" in address)
    client.logout()
    assert client.get(f"/checks/2026.2/{BIRTH}/").status_code == 302


@pytest.mark.parametrize("role", ROLES)
def test_rules_of_each_role(role: str) -> None:
    person = Person("x", roles=frozenset({role}), owns=frozenset({"tissue"} if role == "data_owner" else ()))
    assert rules.can_list(person) is (role in ("data_engineer", "data_owner"))
    assert rules.can_see_rows(person, "tissue") is (role in ("data_engineer", "data_owner"))
    assert rules.can_see_rows(person, "hospital") is (role == "data_engineer")
    for research in ("applicant", "collaborator"):
        assert not rules.can_list(Person("x", roles=frozenset({role, research}), owns=person.owns))


def test_the_command_shows_the_rows_and_is_audited(
    faults: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["--site", str(faults.path), "quality", "examples"]
    assert run([*asked, BIRTH, "--most", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["release"], told["check"]) == ("2026.2", BIRTH)
    assert [row["year_of_birth"] for row in told["rows"]] == [2040]
    entry = next(iter(faults.audit.entries("quality.examples")))
    assert (entry.detail["check"], entry.detail["rows"]) == (BIRTH, 1)
    assert "2040" not in json.dumps(entry.detail)
    assert run([*asked, "comments", "--release", "2026.2"]) == 0
    assert "Words one" in capsys.readouterr().out, "whoever runs the site may see the words of its own check"
    assert run([*asked, "nothing", "--json"]) == 2
    assert "there is no check" in capsys.readouterr().out
    # somebody else's site: refused before a row is read
    monkeypatch.setattr("os.geteuid", lambda: faults.path.stat().st_uid + 1)
    assert run([*asked, BIRTH]) != 0
    assert "2040" not in capsys.readouterr().out
    assert len(list(faults.audit.entries("quality.examples"))) == 2
