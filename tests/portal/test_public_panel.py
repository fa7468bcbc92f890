"""The public panel: it reads what is asked for, says what it thinks, and may have to be heard first."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import Person
from lockgate.portal.applications import rules, services
from lockgate.portal.applications.models import Advice, Application
from lockgate.portal.applications.rules import Facts
from lockgate.site import Site

PAULA = Person("paula", roles=frozenset({"public_panel"}))


def test_who_may_advise() -> None:
    rules.check_advise(PAULA, Facts("submitted", "ann"))
    for facts in (Facts("draft", "ann"), Facts("approved", "ann"), Facts("submitted", "paula"),
                  Facts("in_review", "ann", members=frozenset({"paula"}))):  # fmt: skip
        with pytest.raises(Refused):
            rules.check_advise(PAULA, facts)
    with pytest.raises(Refused, match="role"):
        rules.check_advise(Person("rita", roles=frozenset({"research_centre"})), Facts("submitted", "ann"))
    with pytest.raises(Refused, match="role"):
        rules.check_decide(PAULA, Facts("submitted", "ann"))


def test_the_panel_reads_and_advises_and_all_see_it(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    address = f"/applications/{submitted.reference}/"
    paula = sign_in("paula")
    assert submitted.title in paula.get("/tasks/").content.decode()
    page = paula.get(address + "advise/").content.decode()
    assert "fall ill earlier" in page
    bad = paula.post(address + "advise/", {"stance": "maybe", "text": "x"})
    assert bad.status_code == 400 and "Choose what you advise" in bad.content.decode()
    assert paula.post(address + "advise/", {"stance": "support", "text": " "}).status_code == 400
    assert paula.post(address + "advise/", {"stance": "concerns", "text": "Who pays?"}).status_code == 302
    assert paula.post(address + "advise/", {"stance": "support", "text": "Now I see <b>."}).status_code == 302
    assert [(one.stance, one.by.username) for one in Advice.objects.all()] == [("support", "paula")]
    assert submitted.title not in paula.get("/tasks/").content.decode()
    assert paula.get(address + "decide/").status_code == 403
    for name in ("ann", "rita"):
        assert "Now I see &lt;b&gt;." in sign_in(name).get(address).content.decode()
    assert "Now I see" in sign_in("dora").get(address + "decide/").content.decode()
    assert sign_in("olga").get(address + "advise/").status_code == 404
    assert sign_in("rita").get(address + "advise/").status_code == 403


def test_drafts_are_not_the_panels(people: dict[str, User], draft: Application, sign_in: Any) -> None:
    assert sign_in("paula").get(f"/applications/{draft.reference}/").status_code == 404
    with pytest.raises(Refused):
        services.advise(people["paula"], draft, "support", "Good.")


def test_where_the_site_says_so_nothing_is_approved_before_the_panel_has_advised(
    people: dict[str, User], submitted: Application, hospital: Site, settings: Any
) -> None:
    path = hospital.path / "site.toml"
    path.write_text(path.read_text() + '\n[portal]\npanel = ["research"]\n')
    settings.LOCKGATE_SITE += "/."
    with pytest.raises(Refused, match="panel has not advised"):
        services.decide(people["rita"], submitted, "approve")
    with pytest.raises(UsageError):
        services.advise(people["paula"], submitted, "applaud", "x")
    services.advise(people["paula"], submitted, "oppose", "Not for this.")
    assert services.decide(people["rita"], submitted, "approve") == "in_review"
    assert services.decide(people["dora"], submitted, "return", "Answer the panel") == "returned"
    submitted.refresh_from_db()
    services.submit(people["ann"], submitted)
    with pytest.raises(Refused, match="panel has not advised"):
        services.decide(people["dora"], submitted, "approve")
