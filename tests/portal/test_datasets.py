"""Data sets are classified by their owners, by one methodology, and deciders see the class."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.models import Application
from lockgate.portal.datasets import services
from lockgate.portal.outbox.models import Message

pytestmark = pytest.mark.django_db


def test_owners_classify_their_own_and_deciders_see_it(
    people: dict[str, User], submitted: Application, sign_in: Any, no_write_outside: Any
) -> None:
    tim: Client = sign_in("tim")
    assert "Data sets without a class" in tim.get("/tasks/").content.decode()
    assert tim.get("/data-sets/tissue/").status_code == 200
    assert tim.get("/data-sets/incidents/").status_code == 403
    for told in (
        {"level": "", "reason": "x"},
        {"level": "huge", "reason": "x"},
        {"level": "open", "reason": " "},
    ):
        assert tim.post("/data-sets/tissue/", told).status_code == 400
    with no_write_outside():
        told = {"level": "sensitive", "reason": "Rare cancers are in it"}
        assert tim.post("/data-sets/tissue/", told).status_code == 302
    assert "Data sets without a class" not in tim.get("/tasks/").content.decode()
    assert "Rare cancers are in it" in sign_in("ann").get("/data-sets/").content.decode()
    page = f"/applications/{submitted.reference}/decide/"
    assert "Not classified yet" in sign_in("rita").get(page).content.decode()
    services.classify(people["dora"], "hospital", "sensitive", "Health records")
    services.classify(people["dora"], "published", "open", "Published by area")
    shown = sign_in("rita").get(page).content.decode()
    assert "(OMOP): Sensitive" in shown and "Not classified yet" not in shown
    assert Message.objects.filter(event="data_set.classified", actor="tim").count() == 1


def test_the_newest_counts_and_nobody_else_classifies(people: dict[str, User]) -> None:
    services.classify(people["tim"], "tissue", "moderate", "At first sight")
    services.classify(people["tim"], "tissue", "highest", "Genomes came in")
    assert services.get("tissue").level == "Highest"
    for username, name in (
        ("ines", "tissue"),
        ("dora", "tissue"),
        ("tim", "hospital"),
        ("rita", "hospital"),
        ("ann", "tissue"),
    ):
        with pytest.raises(Refused):
            services.classify(people[username], name, "open", "x")
    with pytest.raises(UsageError):
        services.get("nothing")


def test_every_table_that_can_be_asked_for_is_of_a_data_set(people: dict[str, User]) -> None:
    from lockgate.portal.applications.catalogue import offered

    held = [table for one in services.data_sets() for table in one.tables]
    assert set(offered()) <= set(held) and len(held) == len(set(held))
