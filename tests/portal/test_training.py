"""Training by role: what is needed, what rests without it, who records it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.accounts.services import record_training
from lockgate.portal.accounts.training import courses_of, holds_until, required_courses, resting
from lockgate.site import Site

DAY = date(2026, 11, 22)
REQUIRED = {"*": ("Information governance",), "output_checker": ("Disclosure control",)}


def test_a_role_rests_from_the_day_after_its_training() -> None:
    trained = {"Information governance": DAY, "Disclosure control": DAY - timedelta(days=1)}
    assert resting(["applicant", "output_checker"], REQUIRED, trained, DAY) == {
        "output_checker": ("Disclosure control",)
    }
    assert set(resting(["applicant"], REQUIRED, trained, DAY + timedelta(days=1))) == {"applicant"}
    assert resting(["applicant"], {}, {}, DAY) == {}
    assert courses_of("data_owner:tissue", {"data_owner": ["Consent"]}) == ("Consent",)


def test_the_first_that_ends_is_said() -> None:
    trained = {
        "Information governance": DAY,
        "Disclosure control": DAY - timedelta(days=9),
        "Cooking": date(2020, 1, 1),
    }
    assert holds_until(["output_checker"], REQUIRED, trained) == DAY - timedelta(days=9)
    assert holds_until(["applicant"], REQUIRED, trained) == DAY
    assert holds_until(["applicant"], {}, {}) is None


def test_a_real_site_needs_it_of_everybody_and_a_demonstration_of_nobody(tmp_path: Any) -> None:
    assert required_courses(Site.init(tmp_path / "real", name="Real")) == {"*": ("Information governance",)}
    assert required_courses(Site.init(tmp_path / "demo", name="Demo", demo=True)) == {}


def _ask(site: Site, lines: str) -> None:
    settings = site.path / "site.toml"
    settings.write_text(f"{settings.read_text()}\n[training]\nrequired = {lines}\n")


def test_a_misspelt_role_is_refused(hospital: Site) -> None:
    _ask(hospital, '{outputchecker = ["X"]}')
    with pytest.raises(UsageError, match="no role"):
        required_courses(Site.open(hospital.path))


@pytest.fixture
def strict(hospital: Site) -> Site:
    """A site that asks a course of those who apply. Before the accounts: the portal reads its settings once."""
    _ask(hospital, '{applicant = ["Information governance"]}')
    return hospital


@pytest.mark.django_db
def test_without_training_nothing_can_be_done(strict: Site, people: dict[str, User], client: Client) -> None:
    ann = User.objects.get(username="ann")
    with pytest.raises(Refused, match="rests"):
        check(ann.person, "application.create")
    client.force_login(ann)
    assert client.get("/applications/new/").status_code == 403
    assert "rests" in client.get("/account/2fa/").content.decode()
    record_training(ann, "Information governance", timezone.localdate(), actor="adam", provider="NHS England")
    assert client.get("/applications/new/").status_code == 200
    record_training(ann, "Information governance", timezone.localdate() - timedelta(days=1), actor="adam")
    assert client.get("/applications/new/").status_code == 403, "the newest record counts"
    assert User.objects.get(username="rita").person.roles == {"research_centre"}, "others' roles go on"


@pytest.mark.django_db
def test_the_page_records_it_and_nobody_records_their_own(
    hospital: Site, people: dict[str, User], client: Client
) -> None:
    client.force_login(people["adam"])
    form = {"action": "training", "course": "Ethics", "provider": "A university", "certificate": "C-1"}
    when = {"until[day]": "31", "until[month]": "12", "until[year]": "2030"}
    assert client.post("/people/ann/", form).status_code == 400
    assert client.post("/people/ann/", {**form, **when, "course": ""}).status_code == 400
    assert client.post("/people/ann/", {**form, **when}).status_code == 302
    page = client.get("/people/ann/").content.decode()
    assert "Ethics, until 31 December 2030, by A university, C-1" in page
    assert client.post("/people/adam/", {**form, **when}).status_code == 400
    client.force_login(people["rita"])
    assert client.post("/people/ann/", {**form, **when}).status_code == 403
