"""The clerical review's pages: who sees them, what is audited, and that decisions reach the index."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from django.test import Client

from lockgate.disclosure.waterfall import render_waterfall
from lockgate.engine import Engine, literal, quote
from lockgate.errors import Refused
from lockgate.identity import build_index, index_view
from lockgate.identity.decisions import read_decisions
from lockgate.portal.accounts.rules import Person
from lockgate.portal.linkage import rules
from lockgate.schema import staged_columns
from lockgate.site import Site
from lockgate.site.files import make_dir

TWINS = [
    {"record_id": "t1", "given_name": "Zephyrine", "family_name": "Quillfeather"},
    {"record_id": "t2", "given_name": "Barnabas", "family_name": "Quillfeather"},
]


@pytest.fixture
def twins(hospital: Site) -> Site:
    """A site whose index holds two names under one number apart."""
    batch = "20260101T000000001Z-00000001"
    (make_dir(hospital.landing / batch) / "batch.json").write_text(
        json.dumps({"source": "epr", "format": "fhir"})
    )
    common = {"source": "epr", "version_at": datetime(2026, 1, 1), "deleted": False, "item_hash": "0" * 32,
              "batch_id": batch, "nhs_number": "9434765919", "birth_date": date(2001, 2, 3)}  # fmt: skip
    with Engine(threads=1) as engine:
        shape = ", ".join(f"{quote(column.name)} {column.type}" for column in staged_columns("patient"))
        engine.execute(f"CREATE TABLE t ({shape})")
        for row in TWINS:
            values = {**common, **row}
            names = ", ".join(map(quote, values))
            engine.execute(
                f"INSERT INTO t ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values())
            )
        file = make_dir(hospital.staged / batch) / "patient.parquet"
        engine.execute(f"COPY t TO {literal(file)} (FORMAT parquet)")
        assert build_index(engine, hospital).to_review == 1
    return hospital


def test_a_clerk_sees_two_records_and_decides(
    twins: Site, sign_in: Any, no_write_outside: Any, django_capture_on_commit_callbacks: Any
) -> None:
    client: Client = sign_in("lena")
    listed = client.get("/linkage/").content.decode()
    assert "two given names" in listed and "Quillfeather" not in listed
    pair = listed.split("/linkage/")[2].split("/")[0]
    with no_write_outside(), django_capture_on_commit_callbacks(execute=True):
        shown = client.get(f"/linkage/{pair}/").content.decode()
    assert "Zephyrine" in shown and "Barnabas" in shown
    assert [entry.detail["pair"] for entry in twins.audit.entries("index.review.shown")] == [pair]
    assert client.post(f"/linkage/{pair}/", {"verdict": "", "reason": "x"}).status_code == 400
    answer = client.post(f"/linkage/{pair}/", {"verdict": "same", "reason": " "})
    assert answer.status_code == 400 and "Say what you saw" in answer.content.decode()
    assert read_decisions(twins) == []
    with no_write_outside(), django_capture_on_commit_callbacks(execute=True):
        done = client.post(f"/linkage/{pair}/", {"verdict": "same", "reason": "one was a nickname"})
    assert done.status_code == 302
    with Engine(threads=1) as engine:
        build_index(engine, twins)
        assert engine.one(f"SELECT count(DISTINCT person_key) FROM {index_view(engine, twins)}") == 1
    decided = next(iter(twins.audit.entries("index.decided")))
    assert (decided.actor, decided.detail["verdict"]) == ("lena", "same")
    assert "Zephyrine" not in twins.audit.chain.read_text()
    assert "Nothing waits" in client.get("/linkage/").content.decode()
    assert "The same person" in client.get("/linkage/?decided=1").content.decode()
    taken = client.post(f"/linkage/{pair}/", {"verdict": "withdrawn", "reason": "looked again"})
    assert taken.status_code == 302
    assert [one.verdict for one in read_decisions(twins)] == ["same", "withdrawn"]


@pytest.mark.parametrize("username", ["ann", "rita", "olga", "enid", "audrey", "adam", "nora"])
def test_nobody_else_does(twins: Site, sign_in: Any, username: str) -> None:
    client: Client = sign_in(username)
    for path in ("/linkage/", "/linkage/000000000000/", "/linkage/000000000000/why.svg"):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "Quillfeather" not in answer.content.decode()
    assert client.post("/linkage/000000000000/", {"verdict": "same", "reason": "x"}).status_code == 403
    assert not list(twins.audit.entries("index.review.shown"))


def test_an_unknown_pair_is_not_found(twins: Site, sign_in: Any) -> None:
    assert sign_in("lena").get("/linkage/000000000000/").status_code == 404


def test_the_rules() -> None:
    clerk = Person(username="lena", roles=frozenset({"linkage_clerk"}))
    assert rules.can_review(clerk) and not rules.can_review(
        Person(username="x", roles=frozenset({"auditor"}))
    )
    assert rules.can_decide(clerk, "same", "seen", decided=False)
    assert not rules.can_decide(clerk, "withdrawn", "seen", decided=False)
    assert rules.can_decide(clerk, "withdrawn", "seen", decided=True)
    with pytest.raises(Refused, match="what you saw"):
        rules.check_decision(clerk, "same", "", decided=False)


def test_the_waterfall_says_in_words_what_it_draws() -> None:
    steps = [
        {"comparison": "prior", "level": "two records taken at random", "weight": -12.0, "sum": -12.0},
        {"comparison": "birth", "level": "equal", "weight": 14.5, "sum": 2.5},
    ]
    drawn = render_waterfall(steps)
    assert drawn.startswith("<svg") and 'role="img"' in drawn
    assert "birth: equal +14.5" in drawn and "weight of the pair +2.5" in drawn
