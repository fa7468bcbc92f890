"""The patients' page: a code opens it, a few wrong ones close it, an objection holds."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from lockgate.portal.myrecord import services
from lockgate.portal.register.models import Entry
from lockgate.site import Site
from lockgate.workspace import patients
from lockgate.workspace.uses import Use

CODE = "7KQM-3XWP-9RTD-VH2C"


@pytest.fixture
def told(hospital: Site, db: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A code that opens two uses (the data plane's part has its own tests), and what the page asked of it."""
    cache.clear()
    kept = patients.Code("c0de", (("epr", "1"),), "2026-11-01T09:00:00", "2099-01-01", "test")
    said = SimpleNamespace(objection="none")
    uses = [
        Use("lg-2026-0001", "lg-2026-0001-v2", "2026.2", date(2026, 6, 1), None),
        Use("lg-2026-0001", "lg-2026-0001-v1", "2026.1", date(2026, 2, 1), date(2026, 6, 1)),
        Use("lg-2025-0009", "lg-2025-0009-v1", "2025.3", date(2025, 9, 1), date(2026, 1, 5)),
    ]
    monkeypatch.setattr(patients, "find", lambda _, code: ("f" * 64, kept) if code == CODE else None)
    monkeypatch.setattr(patients, "by_seal", lambda _, sealed: kept if sealed == "f" * 64 else None)
    monkeypatch.setattr(patients, "uses", lambda *_: uses)
    monkeypatch.setattr(patients, "objection", lambda *_: said.objection)
    monkeypatch.setattr(patients, "object_to", lambda _, __, choice: setattr(said, "objection", choice))
    return said


def _token(page: str) -> str:
    return page.split('name="token" value="')[1].split('"')[0]


def test_each_project_once_with_its_whole_time(told: Any, client: Client) -> None:
    page = client.post("/my-record/", {"code": CODE}).content.decode()
    assert "2 projects used your record" in page
    assert "from 1 February 2026 and is there now" in page
    assert "from 1 September 2025 until 5 January 2026" in page
    assert not client.session.keys(), "nothing of who they are stays in a session"
    assert CODE not in page


def test_the_register_says_what_for(told: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry(slug="lg-2026-0001", title="Ill earlier?", kind="research")
    entry.data = {
        "lay_summary": "Why people fall ill earlier.",
        "organisations": ["Test University"],
        "kind_label": "Research",
    }
    found = SimpleNamespace(objects=SimpleNamespace(filter=lambda **_: [entry]))
    monkeypatch.setattr(services, "Entry", found)
    page = client.post("/my-record/", {"code": CODE}).content.decode()
    for said in (
        "Ill earlier?",
        "Why people fall ill earlier.",
        "Test University",
        "/register/lg-2026-0001/",
    ):
        assert said in page


def test_objecting_needs_the_page_that_the_code_opened(told: Any, client: Client) -> None:
    token = _token(client.post("/my-record/", {"code": CODE}).content.decode())
    page = client.post("/my-record/object/", {"token": token, "choice": "research"})
    assert "Your objection holds from now on" in page.content.decode()
    assert told.objection == "research"
    for wrong in ("", "f" * 64, token[:-2] + "xx"):
        refused = client.post("/my-record/object/", {"token": wrong, "choice": "all"})
        assert refused.status_code == 400
    assert told.objection == "research"
    assert client.get("/my-record/object/").status_code == 405


def test_a_few_wrong_codes_close_the_page_for_an_hour(told: Any, client: Client) -> None:
    for _ in range(10):
        answer = client.post("/my-record/", {"code": "0000-0000-0000-0000"})
        assert answer.status_code == 400
        assert "opens nothing" in answer.content.decode()
    shut = client.post("/my-record/", {"code": CODE})
    assert "Too many codes were tried" in shut.content.decode()
    other = client.post("/my-record/", {"code": CODE}, REMOTE_ADDR="192.0.2.7")
    assert "2 projects used your record" in other.content.decode()
    cache.clear()


def test_a_real_choice_is_asked_for(hospital: Site, db: None) -> None:
    from lockgate.errors import UsageError

    kept = patients.Code("c0de", (("epr", "1"),), "2026-11-01T09:00:00", "2099-01-01", "test")
    with pytest.raises(UsageError):
        patients.object_to(hospital, kept, "some")  # type: ignore[arg-type]
