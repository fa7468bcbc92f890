"""Interests that stand on an account bar their owner wherever an application names the organisation."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts import interests, services
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("organisation", "said", "found"),
    [
        ("Example Pharma Ltd", "Paid for by EXAMPLE PHARMA (UK).", True),
        ("Example Pharma", "Example Pharma Ltd.", True),
        ("Example-Pharma", "example pharma", True),
        ("The Wellcome Trust", "Wellcome Trust", True),
        ("Example Pharma", "An example of what a pharma company pays for.", False),
        ("Art", "A party of artists", False),
        ("Ltd", "Anything Ltd", False),
        ("Example Pharma", "Example", False),
    ],
)
def test_names_are_compared_by_their_words(organisation: str, said: str, found: bool) -> None:
    named = interests.named_in({"lead_organisation": "University of Middleshire", "commercial_detail": said})
    assert interests.matches([organisation], named) == ([organisation] if found else [])


def test_two_answers_are_not_read_as_one_name() -> None:
    named = interests.named_in({"sponsor": "University of Example", "funding": "Pharma Council"})
    assert interests.matches(["Example Pharma"], named) == []


def test_an_interest_counts_for_a_year_after_its_end() -> None:
    rows = interests.declared([], " Example Pharma ", "Shares", TODAY)
    with pytest.raises(UsageError, match="already"):
        interests.declared(rows, "Example Pharma", "Shares", TODAY)
    for organisation, what in (("", "x"), ("Ltd", "x"), ("x" * 201, "x"), ("Somebody", " ")):
        with pytest.raises(UsageError):
            interests.declared(rows, organisation, what, TODAY)
    over = interests.ended(rows, 0, TODAY)
    assert interests.counting(over, TODAY + timedelta(days=365)) == ("Example Pharma",)
    assert interests.counting(over, TODAY + timedelta(days=366)) == ()
    for number in (0, 1, -1):
        with pytest.raises(UsageError):
            interests.ended(over, number, TODAY)


@pytest.mark.django_db
def test_who_has_one_has_no_say_where_it_is_named(
    people: dict[str, User], submitted: Application, sign_in: Any, no_write_outside: Any
) -> None:
    client: Client = sign_in("rita")
    assert submitted.title in client.get("/tasks/").content.decode()
    with no_write_outside():
        told = {"organisation": "TEST UNIVERSITY", "what": "I lecture there"}
        assert client.post("/people/interests/", told).status_code == 302
    page = client.get("/people/interests/").content.decode()
    assert "TEST UNIVERSITY" in page and "It has ended" in page
    assert submitted.title not in client.get("/tasks/").content.decode()
    rita, paula = (User.objects.get(username=name) for name in ("rita", "paula"))
    with pytest.raises(Refused) as refused:
        applications.decide(rita, submitted, "approve", "Sound.")
    assert "an interest in TEST UNIVERSITY" in str(refused.value.reasons)
    services.declare_interest(paula, "Test University", "My pension")
    with pytest.raises(Refused, match="interest in Test University"):
        applications.advise(User.objects.get(username="paula"), submitted, "support", "Good.")
    # its end doesn't give the say back at once, and nobody ends another's
    assert client.post("/people/interests/", {"end": "0"}).status_code == 302
    with pytest.raises(Refused):
        applications.decide(User.objects.get(username="rita"), submitted, "approve", "Sound.")
    assert client.post("/people/interests/", {"end": "7"}).status_code == 400
    assert client.post("/people/interests/", {"organisation": "", "what": "x"}).status_code == 400
    assert "I lecture there" in sign_in("adam").get("/people/rita/").content.decode()
