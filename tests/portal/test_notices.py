"""Notices: who is told what, on the page and by e-mail, and what an e-mail never says."""

from __future__ import annotations

import re
import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone

from lockgate.errors import LockgateError, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.services import record_training, set_roles
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.notices import mail, services
from lockgate.portal.notices.models import Notice
from lockgate.portal.notices.telling import TELLERS
from lockgate.portal.outbox.models import Message
from lockgate.portal.outbox.writing import writing
from lockgate.site import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(hospital: Site) -> Site:
    """The site with a server for e-mail (the tests' own, which keeps what it is given)."""
    settings = hospital.path / "site.toml"
    settings.write_text(
        settings.read_text()
        + '\n[mail]\nhost = "localhost"\nsecurity = "none"\nsender = "portal@hospital.example"\n'
        'portal_address = "https://research.hospital.example"\n'
    )
    return hospital


def _texts(user: User) -> list[str]:
    return list(services.mine(user).values_list("text", flat=True))


def _submitted(people: dict[str, User], answers: dict[str, Any]) -> Application:
    application = applications.create(people["ann"], "research")
    assert not applications.save_answers(people["ann"], application, answers)
    application.refresh_from_db()
    applications.submit(people["ann"], application)
    return application


def test_those_who_may_decide_are_told_and_nobody_else(
    people: dict[str, User], answers: dict[str, Any]
) -> None:
    application = _submitted(people, answers)
    told = set(Notice.objects.filter(event="application.submitted").values_list("user__username", flat=True))
    assert told == {"rita", "dora", "both"}
    assert _texts(people["rita"]) == [f"{application.reference} waits for your decision"]
    applications.decide(people["rita"], application, "return", "Say more of the purpose.")
    assert _texts(people["ann"]) == [f"{application.reference} was returned to you for changes"]
    assert _texts(people["dora"]) == [f"{application.reference} waits for your decision"]


def test_who_does_a_thing_is_not_told_of_it(people: dict[str, User]) -> None:
    set_roles(people["nora"], ["applicant"], actor="adam")
    assert _texts(people["nora"]) == ["Your roles on the portal have changed"]
    assert not _texts(people["adam"])


def test_every_event_that_is_told_of_is_one_that_is_written(people: dict[str, User]) -> None:
    """A misspelt event would never be told of, and nobody would notice."""
    from pathlib import Path

    import lockgate.portal

    root = Path(lockgate.portal.__file__).parent
    source = "\n".join(path.read_text() for path in root.rglob("*.py") if path.name != "telling.py")
    written = set(re.findall(r'"([a-z]+\.[a-z_]+)"', source))
    states = set(re.findall(r'^    \("[a-z_]+", "[a-z_]+"\): "([a-z_]+)",$', source, re.M))
    written |= {f"application.{state}" for state in states}
    written |= {f"application.{what}" for what in services._ENDS.values()}
    assert set(TELLERS) <= written, set(TELLERS) - written


def test_a_notice_that_cannot_be_made_undoes_nothing(
    people: dict[str, User], caplog: pytest.LogCaptureFixture
) -> None:
    with writing("application.submitted", actor="ann", application="LG-1999-0001"):
        pass
    assert Message.objects.filter(event="application.submitted").exists()
    assert not Notice.objects.exists()
    assert "could be told" in caplog.text


def test_the_page_shows_ones_own_and_counts_what_is_new(
    people: dict[str, User], answers: dict[str, Any], client: Client
) -> None:
    application = _submitted(people, answers)
    client.force_login(people["rita"])
    page = client.get("/notices/").content.decode()
    assert f"{application.reference} waits for your decision" in page
    assert "Notices (1" in page
    assert client.post("/notices/read/").status_code == 302
    assert "Notices (1" not in client.get("/notices/").content.decode()
    assert services.unread(people["dora"]) == 1
    client.force_login(people["audrey"])
    assert application.reference not in client.get("/notices/").content.decode()
    client.logout()
    assert client.get("/notices/").status_code == 302


def test_an_email_says_where_to_look_and_nothing_of_what_is_there(
    mailing: Site, people: dict[str, User], answers: dict[str, Any]
) -> None:
    application = _submitted(people, answers)
    assert mail.send_waiting() == 3
    assert mail.send_waiting() == 0
    assert {message.to[0] for message in outbox.outbox} == {
        f"{name}@example.org" for name in ("rita", "dora", "both")
    }
    message = outbox.outbox[0]
    assert application.reference in message.subject
    assert f"https://research.hospital.example/applications/{application.reference}/" in message.body.split()
    for said in (answers["title"], "Ann Example", "deprivation"):
        assert said not in message.subject + message.body
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"


def test_without_a_server_emails_wait(people: dict[str, User], answers: dict[str, Any]) -> None:
    _submitted(people, answers)
    assert mail.send_waiting() == 0
    assert mail.counts() == {"waiting": 3, "sent": 0, "given_up": 0}
    with pytest.raises(UsageError, match="no server"):
        mail.try_out("rita@example.org")


def test_a_morning_brings_the_day_before_in_one_email(
    mailing: Site, people: dict[str, User], answers: dict[str, Any]
) -> None:
    services.prefer(people["rita"], "daily")
    services.prefer(people["dora"], "none")
    _submitted(people, answers)
    record_training(people["rita"], "Ethics", timezone.localdate() + timedelta(days=20), actor="adam")
    assert services.warn() == 1
    assert mail.send_waiting() == 1
    assert outbox.outbox[0].to == ["both@example.org"]
    assert mail.send_waiting(timezone.now() + timedelta(days=1)) == 1
    assert outbox.outbox[1].subject == "Lockgate: 2 notices"
    with pytest.raises(UsageError):
        services.prefer(people["rita"], "hourly")


def test_what_cannot_be_sent_is_tried_again_and_then_given_up(
    mailing: Site, people: dict[str, User], answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _submitted(people, answers)

    def refuse(*_: object) -> int:
        raise smtplib.SMTPRecipientsRefused({"rita@example.org": (550, b"no such person rita@example.org")})

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    now = timezone.now()
    for _ in range(mail.TRIES):
        assert mail.send_waiting(now) == 0
        assert mail.send_waiting(now) == 0, "not before its time"
        now += timedelta(days=1)
    assert mail.counts()["given_up"] == 3
    problems = set(Notice.objects.values_list("mail_problem", flat=True))
    assert problems == {"SMTPRecipientsRefused"}, "the server's words may hold an address"
    with pytest.raises(LockgateError, match="SMTPRecipientsRefused"):
        mail.try_out("rita@example.org")


def test_an_email_that_a_dead_worker_took_is_sent_by_the_next(
    mailing: Site, people: dict[str, User], answers: dict[str, Any]
) -> None:
    _submitted(people, answers)
    mail._claim(timezone.now())
    assert mail.send_waiting() == 0
    assert mail.send_waiting(timezone.now() + timedelta(minutes=11)) == 3


def test_ends_that_come_near_are_warned_of_once_each(
    people: dict[str, User], answers: dict[str, Any]
) -> None:
    today = timezone.localdate()
    application = _submitted(people, answers)
    rows = Application.objects.filter(pk=application.pk)
    rows.update(state="approved", valid_until=today + timedelta(days=90))
    assert services.warn(today) == 1
    assert services.warn(today) == 0
    assert services.warn(today + timedelta(days=1)) == 0
    assert services.warn(today + timedelta(days=84)) == 1, "what was missed is said once, as the nearest"
    assert _texts(people["ben"]) == [
        f"{application.reference} ends in 6 days: ask for a renewal, or finish",
        f"{application.reference} ends in 90 days: ask for a renewal, or finish",
    ]
    rows.update(valid_until=today + timedelta(days=400))
    assert services.warn(today + timedelta(days=345)) == 1, "a renewed approval warns anew"


def test_settings_page(people: dict[str, User], client: Client) -> None:
    client.force_login(people["ann"])
    assert client.post("/notices/settings/", {"mail": "hourly"}).status_code == 400
    assert client.post("/notices/settings/", {"mail": "daily"}).status_code == 302
    assert services.preference(people["ann"]) == "daily"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('host = "mail.example"', "sender"),
        ('host = "mail.example"\nsender = "a@b.example"\nportal_address = "research"', "https://"),
        (
            'host = "mail.example"\nsender = "a@b.example"\nportal_address = "https://x.example"\nsecurity = "none"',
            "this machine",
        ),
    ],
)
def test_half_a_mail_server_is_refused(hospital: Site, lines: str, said: str) -> None:
    settings = hospital.path / "site.toml"
    settings.write_text(f"{settings.read_text()}\n[mail]\n{lines}\n")
    with pytest.raises(UsageError, match=said):
        Site.open(hospital.path)
