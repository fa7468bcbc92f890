"""Who somebody is: two people, a reason, a day, one person at a time, all in the audit chain; and no other way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from lockgate.curate.trace import trace_row
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.identity import build_index
from lockgate.site import approvals
from lockgate.workspace import provision, reidentify

REASON = "A scan in the study shows what may be a tumour that nobody has told them of"


@pytest.fixture
def person(site, issued, stage_patients):
    """The id of one person in a project's data."""
    stage_patients(site, 3)
    with Engine(threads=1) as engine:
        build_index(engine, site)
    issued()
    provision(site, "p0001", "test")
    path = site.projects / "p0001" / "data" / "person.parquet"
    return duckdb.sql(f"SELECT person_id FROM '{path}' WHERE year_of_birth = 1942").fetchall()[0][0]


def test_two_people_and_a_reason(site, person, staging):
    asked = reidentify.request(site, "p0001", person, reason=REASON, by="rita")
    with pytest.raises(Refused) as refusal:
        reidentify.reveal(site, asked.approval_id, by="rita")
    assert refusal.value.reasons == ["it is requested"]
    for by, why in (("rita", "asked for it"), ("ada", "own people")):
        with pytest.raises(Refused) as refusal:
            reidentify.allow(site, asked.approval_id, by=by)
        assert why in refusal.value.reasons[0]
    reidentify.allow(site, asked.approval_id, by="dora")
    with pytest.raises(Refused):
        reidentify.reveal(site, asked.approval_id, by="dora")
    shown = reidentify.reveal(site, asked.approval_id, by="rita")
    assert [(item["nhs_number"], item["local_number"]) for item in shown["records"]] == [
        (staging.nhs(2), "H2")
    ]
    with pytest.raises(Refused) as refusal:  # once, also for who asked
        reidentify.reveal(site, asked.approval_id, by="rita")
    assert refusal.value.reasons == ["it is used"]
    events = [entry.event for entry in site.audit.entries() if entry.event.startswith("reidentify")]
    assert events == ["reidentify.requested", *["reidentify.refused"] * 3, "reidentify.approved",
                      "reidentify.refused", "reidentify.shown", "reidentify.refused"]  # fmt: skip
    assert staging.nhs(2) not in (site.path / "audit" / site.audit.chain.name).read_text()


def test_a_declined_request_stays_closed(site, person):
    asked = reidentify.request(site, "p0001", person, reason=REASON, by="rita")
    for by in ("rita", "ada"):
        with pytest.raises(Refused):
            reidentify.refuse(site, asked.approval_id, by=by)
    assert reidentify.refuse(site, asked.approval_id, by="dora").state() == "declined"
    for act, by in ((reidentify.allow, "dora"), (reidentify.reveal, "rita")):
        with pytest.raises(Refused):
            act(site, asked.approval_id, by=by)
    reidentify.request(site, "p0001", person, reason=REASON, by="rita")  # and another may be asked


def test_one_at_a_time_and_not_for_ever(site, person, monkeypatch):
    asked = reidentify.request(site, "p0001", person, reason=REASON, by="rita")
    with pytest.raises(Refused, match="can't be asked"):
        reidentify.request(site, "p0001", person, reason=REASON, by="rita")
    given = reidentify.allow(site, asked.approval_id, by="dora")
    with pytest.raises(Refused):  # approved once, not twice
        reidentify.allow(site, asked.approval_id, by="dan")
    late = datetime.now(UTC) + timedelta(hours=25)
    assert given.state(late) == "expired"
    monkeypatch.setattr(approvals.Approval, "state", lambda self, at=None: "expired")
    with pytest.raises(Refused) as refusal:
        reidentify.reveal(site, asked.approval_id, by="rita")
    assert refusal.value.reasons == ["it is expired"]


def test_neither_members_nor_idle_questions_nor_wrong_ids(site, person):
    with pytest.raises(Refused):
        reidentify.request(site, "p0001", person, reason=REASON, by="ada")
    with pytest.raises(UsageError, match="say why"):
        reidentify.request(site, "p0001", person, reason="why not", by="rita")
    with pytest.raises(UsageError, match="nobody"):
        reidentify.request(site, "p0001", person + 1, reason=REASON, by="rita")
    with pytest.raises(UsageError, match="no project"):
        reidentify.request(site, "p0009", person, reason=REASON, by="rita")
    with pytest.raises(UsageError, match="NHS number"):
        reidentify.request(site, "p0001", person, reason="is it 9434765919 after all?", by="rita")


def test_an_altered_record_opens_nothing(site, person):
    asked = reidentify.request(site, "p0001", person, reason=REASON, by="rita")
    path = site.staged / "approvals" / f"{asked.approval_id}.json"
    path.write_text(path.read_text().replace('"approved_by": ""', '"approved_by": "dora"'))
    with pytest.raises(Refused, match="not the one this site signed"):
        reidentify.reveal(site, asked.approval_id, by="rita")


def test_an_id_of_before_a_rotation_is_found(site, person):
    site.keyring.rotate_project("p0001")
    site.keyring.rotate_root()
    asked = reidentify.request(site, "p0001", person, reason=REASON, by="rita")
    reidentify.allow(site, asked.approval_id, by="dora")
    assert reidentify.reveal(site, asked.approval_id, by="rita")["records"][0]["local_number"] == "H2"


def test_a_trace_does_not_lead_round_it(site, person):
    with pytest.raises(Refused, match="one person alone"):
        trace_row(site, "person", person, actor="test", project="p0001", raw=True, reason="to see who it is")
