"""The API is asked what its own document says that it takes, by everybody (schemathesis, over WSGI, in this process).

No answer is a 500, each is as the document says, and nobody gets data without the permission that it names.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import PERMISSIONS
from lockgate.portal.applications.models import Application
from lockgate.portal.explore import services as explore
from lockgate.portal.tokens import rules, services
from lockgate.portal.tokens.models import Token
from lockgate.portal.workspaces.models import Project

pytestmark = pytest.mark.django_db
EXAMPLES = 2  # of each operation: CI has other things to do
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
PEOPLE = ("", "ann", "rita", "dora", "olga", "audrey", "adam", "enid", "lena", "paula")


def _addressed(environ: dict[str, Any], start_response: Any) -> Any:
    """The portal, asked from an address, as a server says it."""
    return WSGIHandler()({**environ, "REMOTE_ADDR": "127.0.0.1"}, start_response)


@pytest.fixture
def known(people: dict[str, User], submitted: Application, data_plane: Any) -> dict[str, str]:
    """Some things that are there, by the names that addresses have for them."""
    from lockgate.portal.applications import services as applications

    for decider in ("rita", "dora"):
        applications.decide(people[decider], Application.objects.get(pk=submitted.pk), "approve")
    project = Project.objects.get()
    return {
        "reference": submitted.reference,
        "slug": project.slug,
        "key": str(explore.create(people["ann"], "Mine").key),
        "username": "ben",
    }


def test_everything_that_may_be_asked(
    known: dict[str, str], people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_note_use", lambda *_: None)  # it is limited to so many a minute
    tokens = {"": ""}
    for username in PEOPLE[1:]:
        row, tokens[username] = services.make(people[username], "x", ["read"], 7, second_factor=True)
        Token.objects.filter(pk=row.pk).update(scopes=list(rules.SCOPES))
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", _addressed)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 100
    answers = 0

    def try_all(operation: Any) -> None:
        told = operation.definition.raw

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(), who=strategies.sampled_from(PEOPLE), real=strategies.booleans())
        def ask(case: Any, who: str, real: bool) -> None:
            nonlocal answers
            if real:
                case.path_parameters = {
                    name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
                }
            case.headers.pop("Authorization", None)
            response = case.call(headers={"Authorization": f"Bearer {tokens[who]}"} if who else {})
            case.validate_response(response, checks=CHECKS)
            if response.status_code < 300:
                answers += 1
                assert who or not (told["x-scope"] or told["x-session-only"]), "data without an account"
                roles = people[who].person.roles if who else frozenset()
                assert not told["x-needs"] or roles & PERMISSIONS[told["x-needs"]], "data without permission"

        ask()

    for operation in operations:
        try_all(operation)
    assert answers > 15
