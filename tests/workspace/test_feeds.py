"""Whatever feed it comes by, what says who is left out holds from the next query on, with a workspace open."""

from __future__ import annotations

import asyncio
import json
from datetime import date

import duckdb
import pytest

from lockgate.capture.hl7v2 import capture_hl7v2
from lockgate.capture.hl7v2.listener import Listener
from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.identity import build_index
from lockgate.portal import plane
from lockgate.workspace import optouts, provision

DELIVERED = """MSH|^~\\&|PAS|RXX|LG|LG|20260302090000||ADT^{event}|C{event}{number}|P|2.4\rEVN|{event}|20260302090000\r\
PID|1||{number}^^^RXX^MR~{nhs}^^^NHS^NH||DOE^{number}||{year}0101|F\r{more}"""


def said(event: str, person: int, nhs: str, more: str = "") -> str:
    """An HL7 v2 message about one of the fixture's people, under an NHS number."""
    return DELIVERED.format(event=event, number=f"p{person:02d}", year=1940 + person, nhs=nhs, more=more)


@pytest.fixture
def open_workspace(site, issued, staging, tmp_path):
    """The site with its forty people captured and a workspace of them; one objects, another under a number not hers."""
    file = tmp_path / "people.hl7"
    file.write_text("\n".join(said("A28", n, staging.nhs(n)) for n in range(1, 41)))
    capture_hl7v2(site, file, source="epr", actor="test")
    with Engine(threads=1) as engine:
        build_index(engine, site)
    scope = issued(
        tables={"person": ["person_id", "year_of_birth"], "specimen": ["specimen_id", "person_id"]},
        linkages=[],
    )
    file = tmp_path / "opt_outs.csv"
    file.write_text(
        f"nhs_number,kind\n{staging.nhs(900)},local_objection\n{staging.nhs(7)},local_objection\n"
    )
    assert run(["--site", str(site.path), "capture", "table", str(file)]) == 0
    provision(site, "p0001", "test")
    assert people(site) == {1940 + n for n in range(1, 41)} - {1947}
    return scope


def people(site):
    """The years of birth in the workspace: the fixture's people have one each."""
    path = site.projects / "p0001" / "data" / "person.parquet"
    return {year for (year,) in duckdb.sql(f"SELECT year_of_birth FROM '{path}'").fetchall()}


def everywhere(site, scope, out):
    """The same number of people left in the workspace, in the cohort's count and on the pages."""
    assert len(people(site)) == out
    assert optouts.count_cohort(site, scope)["out"] == out
    shown = plane.workspace_now(site, "p0001", {"tables": {"person": {"rows": 40}}})
    assert (shown["tables"]["person"]["rows"], shown["people"]["out"]) == (out, out)


def test_each_feed_in_turn(site, open_workspace, staging, tmp_path, capsys):
    """One workspace stays open while one person after another goes from it; nobody asks it to be made again."""

    def taken(*words):
        capsys.readouterr()
        assert run(["--site", str(site.path), *map(str, words), "--json"]) == 0
        return json.loads(capsys.readouterr().out).get("workspaces", [])

    # a number learnt from HL7 v2: somebody has objected under it
    feed = tmp_path / "feed.hl7"
    feed.write_text(said("A31", 5, staging.nhs(900)))
    (told,) = taken("capture", "hl7v2", feed, "--source", "epr")
    assert (told["state"], told["left"]) == ("made again", 1)
    assert 1945 not in people(site)
    everywhere(site, open_workspace, 38)
    # a merge with somebody who objects
    feed.write_text(said("A40", 7, staging.nhs(7), "MRG|p09^^^RXX^MR\r"))
    assert taken("capture", "hl7v2", feed, "--source", "epr")[0]["left"] == 1
    assert 1949 not in people(site)
    # a message that a listener captures
    listener = Listener(site, "epr", "test", every=60, batch=10,
                        after=lambda result: optouts.after_capture(site, result.rows, "test"))  # fmt: skip
    listener.spool.write([said("A40", 7, staging.nhs(7), "MRG|p10^^^RXX^MR\r").encode()])
    asyncio.run(asyncio.to_thread(listener.drain))
    listener.spool.close()
    assert 1950 not in people(site)
    everywhere(site, open_workspace, 36)
    # a consent that is denied, in FHIR
    folder = tmp_path / "fhir"
    folder.mkdir()
    at = {"meta": {"lastUpdated": "2026-03-02T09:00:00Z"}}
    patient = {"resourceType": "Patient", "id": "p03", "birthDate": "1943-01-01",
               "identifier": [{"system": "urn:oid:1.2.3", "value": "H3"}], **at}  # fmt: skip
    consent = {"resourceType": "Consent", "id": "c1", "status": "active", "patient": {"reference": "Patient/p03"},
               "scope": {"coding": [{"code": "research"}]}, "category": [{"coding": [{"code": "RESEARCH"}]}],
               "dateTime": "2026-03-02", "provision": {"type": "deny"}, **at}  # fmt: skip
    (folder / "Patient.ndjson").write_text(json.dumps(patient) + "\n")
    (folder / "Consent.ndjson").write_text(json.dumps(consent) + "\n")
    assert taken("capture", "fhir", folder)[0]["left"] == 1
    assert 1943 not in people(site)
    # the tissue bank's own file: a sample goes, its person stays
    before, samples = people(site), site.projects / "p0001" / "data" / "specimen.parquet"
    count = f"SELECT count(*) FROM '{samples}'"
    there = duckdb.sql(count).fetchall()[0][0]
    bank = tmp_path / "tissue.csv"
    bank.write_text(
        "sample_id,nhs_number,collected_at,consent,consent_date,last_updated\n"
        f"s2,{staging.nhs(2)},2020-06-01 00:00:00,withdrawn,2026-03-01,2026-03-02 09:00:00\n"
    )
    taken("capture", "table", bank, "--source", "bank")
    assert duckdb.sql(count).fetchall()[0][0] == there - 1 and people(site) == before
    # a build of the index that links a record with the number objected under to another
    staging.stage(site, "patient", [
        {"source": "gp", "record_id": "g1", "nhs_number": staging.nhs(11), "birth_date": date(1951, 1, 1),
         "identifiers": [f"nhs|{staging.nhs(900)}"]}], 2)  # fmt: skip
    assert 1951 in people(site)
    assert taken("index", "build")[0]["left"] == 1
    assert 1951 not in people(site)
    everywhere(site, open_workspace, 34)


def test_a_feed_that_says_nothing_of_it_looks_at_no_workspace(site, monkeypatch):
    monkeypatch.setattr(optouts, "apply", lambda *_: pytest.fail("looked"))
    assert optouts.after_capture(site, {"result": 5, "death": 1, "objection": 0}, "test") == []
