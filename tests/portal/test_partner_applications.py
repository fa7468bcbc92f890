"""An application for another organisation's records: asked for on a page, decided by the data's owner too."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.errors import Refused
from lockgate.identity.partner import registry
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.services import create_user
from lockgate.portal.applications import services
from lockgate.portal.applications.models import Application
from lockgate.portal.applications.scopes import compile_scope
from lockgate.site import Site
from lockgate.workspace.scope import load

pytestmark = pytest.mark.django_db


@pytest.fixture
def practice(hospital: Site, people: dict[str, User], tmp_path: Any) -> dict[str, User]:
    """A registered partner, and the account of whoever decides for its data."""
    other = Site.init(tmp_path / "practice", name="Example Practice")
    registry.add_partner(
        hospital, "practice", registry.card(other), heard=registry.spoken(other.public_key),
        tables=["primary_care_event"], owner="gail", where="card.json",
    )  # fmt: skip
    for name in ("gail", "gus"):
        people[name] = create_user(
            name, name=f"{name.capitalize()} Example", email=f"{name}@example.org", password="a long enough phrase",
            roles=("data_owner",), organisation="Example Practice", sector="nhs", actor="test",
        )  # fmt: skip
    return people


@pytest.fixture
def asked(practice: dict[str, User], sign_in: Any, draft: Application) -> Application:
    """Ann's application, with the partner's records chosen on the page, handed in."""
    client = sign_in("ann")
    page = client.get(f"/applications/{draft.reference}/section/data/").content.decode()
    assert "Primary care, Example Practice" in page
    services.save_answers(
        practice["ann"], draft,
        {"partners": [{"partner": "practice", "methods": ["nhs_number"], "tables": {"primary_care_event": "*"}}]},
    )  # fmt: skip
    draft.refresh_from_db()
    services.submit(practice["ann"], draft)
    draft.refresh_from_db()
    return draft


def test_the_form_gives_the_answer(practice: dict[str, User], draft: Application) -> None:
    from lockgate.portal.applications.partners import clean_partners, partners_from_post

    raw = partners_from_post(["practice|table:primary_care_event", "practice|by:encodings"])
    (item,) = clean_partners(raw) or []
    assert item["methods"] == ["encodings"]
    assert {"person_id", "partner", "event_date", "code"} <= set(item["tables"]["primary_care_event"])
    wrong: list[dict[str, Any]] = [
        {"partner": "nobody", "methods": ["encodings"], "tables": {"primary_care_event": "*"}},
        {"partner": "practice", "methods": [], "tables": {"primary_care_event": "*"}},
        {"partner": "practice", "methods": ["encodings"], "tables": {}},
        {"partner": "practice", "methods": ["encodings"], "tables": {"social_care_service": "*"}},
        {"partner": "practice", "methods": ["encodings"], "tables": {"primary_care_event": ["name"]}},
    ]
    for one in wrong:
        assert "partners" in services.save_answers(practice["ann"], draft, {"partners": [one]})


def test_three_people_decide_and_the_scope_permits_it(
    asked: Application, practice: dict[str, User], hospital: Site, sign_in: Any, data_plane: None
) -> None:
    scope = compile_scope(asked)
    assert (
        scope["partners"][0]["fingerprint"]
        == registry.read_partner(hospital, "practice").as_dict()["fingerprint"]
    )
    page = sign_in("gail").get(f"/applications/{asked.reference}/decide/").content.decode()
    assert "data owner for practice" in page
    assert "Linked with practice" in page
    assert services.decide(practice["rita"], asked, "approve") == "in_review"
    assert services.decide(practice["dora"], asked, "approve") == "in_review"
    with pytest.raises(Refused):
        services.decide(practice["gus"], asked, "approve")  # a data owner, and not of this data
    assert services.decide(practice["gail"], asked, "approve") == "approved"
    held = load(hospital, asked.slug)
    (linkage,) = held.partners
    assert (linkage.partner, linkage.owner, linkage.methods) == ("practice", "gail", ("nhs_number",))
    assert {item.role for item in held.decisions} == {
        "research_centre", "data_protection_office", "data_owner:practice",
    }  # fmt: skip


def test_the_owner_alone_can_refuse(asked: Application, practice: dict[str, User]) -> None:
    assert services.decide(practice["gail"], asked, "refuse", "Not for this purpose.") == "refused"


def test_a_data_owner_reads_only_what_is_asked_of_them(
    asked: Application, practice: dict[str, User], answers: dict[str, Any], sign_in: Any
) -> None:
    other = services.create(practice["ann"], "research")
    services.save_answers(practice["ann"], other, answers)
    other.refresh_from_db()
    services.submit(practice["ann"], other)
    assert sign_in("gail").get(f"/applications/{asked.reference}/").status_code == 200
    assert sign_in("gail").get(f"/applications/{other.reference}/").status_code in (403, 404)
    assert sign_in("gus").get(f"/applications/{asked.reference}/").status_code in (403, 404)
    page = sign_in("gail").get("/tasks/").content.decode()
    assert asked.reference in page
    assert other.reference not in page


def test_without_partners_two_still_decide(
    submitted: Application, practice: dict[str, User], data_plane: None
) -> None:
    assert "partners" not in compile_scope(submitted)
    assert services.decide(practice["rita"], submitted, "approve") == "in_review"
    assert services.decide(practice["dora"], submitted, "approve") == "approved"
