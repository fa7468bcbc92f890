"""Who a person is and accepted risks, through the pages: two people, a second factor, the answer once, all audited."""

from __future__ import annotations

import re
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth
from django.test import Client

from lockgate.cli import run
from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person
from lockgate.portal.safety import rules
from lockgate.site import Site
from lockgate.workspace import reidentify

PASSWORD = "a long enough phrase"
REASON = "A scan shows what may be a tumour that nobody has told them of"
NUMBER = "9434765919"


@pytest.fixture(autouse=True)
def _minutes_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of authenticator apps that goes on with each code, since a code serves once."""
    CLOCK[0] = 0
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: CLOCK[0]))


CLOCK = [0]


def code(secret: str) -> str:
    """The code that an authenticator app shows now, a new one each time."""
    CLOCK[0] += 30
    (counter,) = auth.yield_hotp_counters_from_time()
    return auth.format_hotp_value(auth.hotp_value(secret, counter))


def set_up(client: Client, username: str) -> str:
    """Sign in through the page and set up an authenticator app; its secret."""
    assert client.post("/account/login/", {"login": username, "password": PASSWORD}).status_code == 302
    asked = client.get("/account/2fa/totp/activate/").headers["Location"]  # the password once more
    assert client.post(asked, {"password": PASSWORD}).headers["Location"] == "/account/2fa/totp/activate/"
    page = client.get("/account/2fa/totp/activate/").content.decode()
    secret = re.search(r'lg-mono">([A-Z2-7]{32})<', page)
    assert secret, page
    done = client.post("/account/2fa/totp/activate/", {"code": code(secret[1])})
    assert done.status_code == 302 and done.headers["Location"].endswith("/recovery-codes/")
    return secret[1]


def signed_in_twice(username: str) -> Client:
    """A client that has set up an app, signed out, and signed in again with its code."""
    client = Client()
    secret = set_up(client, username)
    client.post("/account/logout/")
    answer = client.post("/account/login/", {"login": username, "password": PASSWORD})
    assert answer.headers["Location"].startswith("/account/2fa/authenticate/")
    assert client.get("/tasks/").status_code == 302, "not signed in before the code is given"
    assert client.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.post("/account/2fa/authenticate/", {"code": code(secret)}).status_code == 302
    assert client.get("/tasks/").status_code == 200
    return client


@pytest.fixture
def study(hospital: Site, people: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with a project of Ann's, in whose data person 77 is somebody; the look-up itself stands in."""
    from lockgate.portal.safety import views

    scope = SimpleNamespace(
        project="p0001", title="A study", applicant="ann", people=[SimpleNamespace(username="ben")]
    )
    monkeypatch.setattr(reidentify, "issued_scopes", lambda site: {"p0001": [scope]})
    monkeypatch.setattr(views, "issued_scopes", lambda site: {"p0001": [scope]})
    monkeypatch.setattr(reidentify, "_person_key", lambda site, project, person: 5 if person == 77 else None)
    monkeypatch.setattr(
        reidentify,
        "_records",
        lambda site, asked: [{"source": "epr", "nhs_number": NUMBER, "local_number": "H2"}],
    )
    return hospital


def test_two_people_with_a_second_factor_and_the_answer_once(study: Site) -> None:
    rita, dora = signed_in_twice("rita"), signed_in_twice("dora")
    form = {"project": "p0001", "person": "77", "reason": REASON}
    for wrong, said in (
        ({"person": "seven"}, "digits alone"), ({"project": ""}, "Choose the project"), ({"reason": "why"}, "say why"),
        ({"person": "78"}, "obody in p0001"), ({"reason": f"is it {NUMBER} after all"}, "NHS number"),
    ):  # fmt: skip
        answer = rita.post("/safety/who/new/", {**form, **wrong})
        assert answer.status_code == 400 and said.lower() in answer.content.decode().lower(), wrong
    place = rita.post("/safety/who/new/", form).headers["Location"]
    page = rita.get(place).content.decode()
    assert "It waits for somebody else" in page and NUMBER not in page
    assert rita.post(place, {"action": "approve"}).status_code == 403  # no role for it
    assert rita.post(place, {"action": "look"}).status_code == 400  # not approved
    assert place in dora.get("/tasks/").content.decode()
    assert dora.post(place, {"action": "approve"}).status_code == 302
    assert dora.post(place, {"action": "look"}).status_code == 403
    assert "See who it is" in rita.get("/tasks/").content.decode()
    assert NUMBER not in rita.get(place).content.decode()
    shown = rita.post(place, {"action": "look"})
    assert shown.status_code == 200 and NUMBER in shown.content.decode()
    assert shown.headers["Cache-Control"] == "no-store"
    again = rita.post(place, {"action": "look"})
    assert again.status_code == 400 and NUMBER not in again.content.decode()
    assert "it is used" in again.content.decode()
    chain = study.audit.chain.read_text()
    assert NUMBER not in chain
    told = [
        (entry.event, entry.actor) for entry in study.audit.entries() if entry.event.startswith("reidentify")
    ]
    for step in (
        ("requested", "rita"),
        ("approved", "dora"),
        ("shown", "rita"),
        ("refused", "rita"),
        ("refused", "dora"),
    ):
        assert (f"reidentify.{step[0]}", step[1]) in told


def test_a_password_alone_asks_for_nothing(study: Site, sign_in: Any) -> None:
    client: Client = sign_in("rita")
    answer = client.get("/safety/who/new/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/people/second-factor/")
    assert "Set it up" in client.get("/people/second-factor/").content.decode()
    form = {"project": "p0001", "person": "77", "reason": REASON}
    assert client.post("/safety/who/new/", form).status_code == 302
    assert reidentify.requests(study) == []
    asked = reidentify.request(study, "p0001", 77, reason=REASON, by="rita")
    dora: Client = sign_in("dora")
    assert dora.post(f"/safety/who/{asked.approval_id}/", {"action": "approve"}).status_code == 302
    assert reidentify.requests(study)[0].state() == "requested"


def test_an_app_that_was_set_up_in_this_session_has_still_to_be_used(study: Site) -> None:
    client = Client()
    secret = set_up(client, "rita")
    answer = client.get("/safety/who/new/")
    assert answer.headers["Location"].startswith("/account/2fa/reauthenticate/?next=%2Fsafety%2Fwho%2Fnew%2F")
    back = client.post(answer.headers["Location"], {"code": code(secret)})
    assert back.headers["Location"] == "/safety/who/new/"
    assert client.get("/safety/who/new/").status_code == 200
    # turned off again, the session counts as one with a password alone
    assert client.post("/account/2fa/totp/deactivate/").status_code == 302
    assert client.get("/safety/who/new/").status_code == 302


def test_the_command_is_the_same_service(study: Site, monkeypatch: Any, capsys: Any) -> None:
    from lockgate import portal

    secret = set_up(Client(), "rita")
    monkeypatch.setattr(portal, "setup", lambda *_, **__: None)
    monkeypatch.setenv("LOCKGATE_PASSWORD", PASSWORD)
    words = ["--site", str(study.path), "reidentify", "request", "--project", "p0001", "--person", "77",
             "--reason", REASON, "--as"]  # fmt: skip
    assert run([*words, "enid"]) == 1 and "second factor" in capsys.readouterr().err
    monkeypatch.setenv("LOCKGATE_CODE", "000000")
    assert run([*words, "rita"]) == 1
    monkeypatch.setenv("LOCKGATE_CODE", code(secret))
    assert run([*words, "rita"]) == 0
    assert run([*words, "rita"]) == 1, "a code serves once"
    assert [item.requested_by for item in reidentify.requests(study)] == ["rita"]


def test_the_site_asks_a_second_factor_of_its_roles(
    hospital: Site, people: Any, settings: Any, tmp_path: Any
) -> None:
    text = (hospital.path / "site.toml").read_text()
    (hospital.path / "site.toml").write_text(
        text + '\n[portal]\nsecond_factor = ["research_centre", "auditor"]\n'
    )
    settings.LOCKGATE_SITE = str(hospital.path) + "/."  # opened anew
    ann, rita = Client(), Client()
    for client, name in ((ann, "ann"), (rita, "rita")):
        client.post("/account/login/", {"login": name, "password": PASSWORD})
    assert ann.get("/tasks/").status_code == 200
    assert rita.get("/tasks/").headers["Location"] == "/people/second-factor/"
    for path in ("/", "/register/", "/catalogue/", "/people/second-factor/"):
        assert rita.get(path).status_code == 200, path
    assert rita.get("/api/applications").status_code == 403
    assert signed_in_twice("audrey").get("/audit/").status_code == 200


def test_without_a_word_everybody_but_on_demonstrations(tmp_path: Any) -> None:
    from lockgate.errors import UsageError
    from lockgate.portal.accounts.second_factor import required_of

    person = Person("ann", roles=frozenset({"applicant"}))
    real = Site.init(tmp_path / "real", name="Real")
    assert required_of(real, person)
    assert not required_of(Site.init(tmp_path / "demo", name="Demo", demo=True), person)
    (real.path / "site.toml").write_text('[site]\nname = "x"\n[portal]\nsecond_factor = ["nurse"]\n')
    with pytest.raises(UsageError, match="no role 'nurse'"):
        required_of(Site.open(real.path), person)


def test_secrets_of_apps_are_encrypted_in_the_database(hospital: Site, people: Any) -> None:
    from allauth.mfa.models import Authenticator

    from lockgate.portal.accounts.second_factor import code_is_right

    secret = set_up(Client(), "rita")
    kept = Authenticator.objects.get(user=people["rita"], type="totp")
    assert secret not in str(kept.data)
    hospital.keyring.rotate_root()
    assert code_is_right(people["rita"], code(secret))


def test_a_lost_phone(hospital: Site, people: Any, no_write_outside: Any) -> None:
    from lockgate.portal.accounts.second_factor import is_set_up
    from lockgate.portal.accounts.services import remove_second_factor

    set_up(Client(), "rita")
    with no_write_outside():
        assert remove_second_factor(people["rita"], actor="adam")
        assert not remove_second_factor(people["rita"], actor="adam")
    assert not is_set_up(people["rita"])


def test_a_risk_is_accepted_by_another(study: Site, sign_in: Any) -> None:
    study.audit.append(
        "risk.refused", actor="lockgate", releases="next", reasons=["person: 9 % in small classes"]
    )
    rita: Client = sign_in("rita")
    day = date.today()
    form = {"what": "*", "share": "12.5", "until[day]": day.day, "until[month]": day.month, "until[year]": day.year,
            "reason": "A register of one rare disease: nothing coarser answers"}  # fmt: skip
    for wrong, said in (
        ({"share": "120"}, "between 0 and 100"), ({"what": ""}, "Choose"), ({"until[day]": "40"}, "last day"),
        ({"until[year]": day.year + 2}, "within a year"), ({"reason": "so"}, "say why"),
    ):  # fmt: skip
        answer = rita.post("/safety/risk/new/", {**form, **wrong})
        assert answer.status_code == 400 and said.lower() in answer.content.decode().lower(), wrong
    asked = rita.get("/safety/risk/new/").content.decode()
    assert all(f'name="{name}"' in asked for name in form)  # the page has just these fields
    place = rita.post("/safety/risk/new/", form).headers["Location"]
    shown = rita.get(place).content.decode()
    assert "Up to 12.5 %" in shown and "9 % in small classes" in shown
    assert rita.post(place, {"action": "approve"}).status_code == 400  # her own
    assert sign_in("audrey").post(place, {"action": "approve"}).status_code == 403
    dora: Client = sign_in("dora")
    assert place in dora.get("/tasks/").content.decode()
    assert dora.post(place, {"action": "approve"}).status_code == 302
    assert "Approved" in sign_in("audrey").get(place).content.decode()
    (given,) = study.audit.entries("risk_accepted.approved")
    assert (given.actor, given.detail["requested_by"]) == ("dora", "rita")


@pytest.mark.parametrize("username", ["ann", "olga", "lena", "adam", "nora"])
def test_nobody_else_sees_them(study: Site, sign_in: Any, username: str) -> None:
    client: Client = sign_in(username)
    for path in ("", "who/new/", "who/0123456789ab/", "risk/new/", "risk/0123456789ab/"):
        assert client.get(f"/safety/{path}").status_code == 403, path


def test_unknown_requests_are_not_found(study: Site, sign_in: Any) -> None:
    client: Client = sign_in("dora")
    asked = reidentify.request(study, "p0001", 77, reason=REASON, by="rita")
    assert client.get("/safety/who/0123456789ab/").status_code == 404
    assert client.get(f"/safety/risk/{asked.approval_id}/").status_code == 404


def test_the_rules() -> None:
    dora = Person("dora", roles=frozenset({"data_protection_office"}))
    assert not rules.can_act(dora, "reidentify.approve", second_factor=False)
    assert rules.can_act(dora, "reidentify.approve", second_factor=True)
    assert rules.can_act(dora, "risk.accept", second_factor=False)
    with pytest.raises(Refused, match="second factor"):
        rules.check_act(dora, "reidentify.approve", second_factor=False)
    assert rules.may_decide(dora, "risk.accept", "rita", "requested")
    assert not rules.may_decide(dora, "risk.accept", "dora", "requested")
    assert not rules.may_look(Person("rita", roles=frozenset({"research_centre"})), "rita", "used")
