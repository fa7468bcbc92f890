"""Every page answers for those who may see it, and refuses the others."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from lockgate.portal.applications.bank import load
from lockgate.portal.applications.models import Application

pytestmark = pytest.mark.django_db

PUBLIC = [
    "/",
    "/register/",
    "/register/feed.json",
    "/register/feed.csv",
    "/health/",
    "/account/login/",
    "/api/openapi.json",
]
PRIVATE = [
    "/tasks/",
    "/applications/",
    "/applications/new/",
    "/projects/",
    "/reviews/",
    "/audit/",
    "/people/",
]
ALLOWED = {
    "ann": {"/tasks/", "/applications/", "/applications/new/", "/projects/", "/reviews/"},
    "rita": {"/tasks/", "/applications/", "/projects/", "/reviews/"},
    "dora": {"/tasks/", "/applications/", "/projects/", "/reviews/"},
    "olga": {"/tasks/", "/applications/", "/projects/", "/reviews/"},
    "enid": {"/tasks/", "/applications/", "/projects/", "/reviews/"},
    "audrey": {"/tasks/", "/applications/", "/projects/", "/reviews/", "/audit/"},
    "adam": {"/tasks/", "/applications/", "/projects/", "/reviews/", "/people/"},
    "nora": {"/tasks/", "/applications/", "/projects/", "/reviews/"},
}


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_need_no_account(client: Client, hospital: Any, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", PRIVATE)
def test_private_pages_send_visitors_to_sign_in(client: Client, hospital: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login/")


@pytest.mark.parametrize("username", ALLOWED)
def test_each_role_sees_its_pages(sign_in: Any, username: str) -> None:
    client = sign_in(username)
    for path in PRIVATE:
        assert client.get(path).status_code == (200 if path in ALLOWED[username] else 403), path


def test_every_answer_carries_the_security_headers(client: Client, hospital: Any) -> None:
    answer = client.get("/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert b"<script>" not in answer.content
    assert b" style=" not in answer.content
    assert b" onclick=" not in answer.content


def test_a_page_that_is_not_there_is_plain(client: Client, hospital: Any) -> None:
    answer = client.get("/nothing/")
    assert answer.status_code == 404
    assert b"Page not found" in answer.content


def test_sections_show_their_questions(sign_in: Any, draft: Application) -> None:
    client = sign_in("ann")
    assert client.get(f"/applications/{draft.reference}/").status_code == 200
    for section in load().sections:
        page = client.get(f"/applications/{draft.reference}/section/{section.key}/")
        assert page.status_code == 200
        for question in section.questions:
            if not question.kinds or "research" in question.kinds:
                assert question.label in page.content.decode().replace("&#39;", "'")
    assert client.get(f"/applications/{draft.reference}/check/").status_code == 200


def test_drafts_are_hidden_from_everybody_else(sign_in: Any, draft: Application) -> None:
    for username in ("ben", "rita", "dora", "audrey", "adam", "olga"):
        client = sign_in(username)
        assert client.get(f"/applications/{draft.reference}/").status_code == 404
        assert draft.title not in client.get("/applications/").content.decode()


def test_the_decision_page_shows_the_scope(sign_in: Any, submitted: Application) -> None:
    page = sign_in("rita").get(f"/applications/{submitted.reference}/decide/").content.decode()
    for text in ("imd2025_decile", "Ann Example", "Ben Example", "1 January 2015", "2026.1"):
        assert text in page
    for username in ("ann", "ben", "olga", "enid", "audrey", "adam", "nora"):
        assert sign_in(username).get(f"/applications/{submitted.reference}/decide/").status_code in (403, 404)


def test_what_people_write_is_never_markup(sign_in: Any, people: dict[str, Any], draft: Application) -> None:
    from lockgate.portal.applications import services

    nasty = "\"><script>alert(1)</script>'<img src=x onerror=alert(1)>"
    text_keys = (
        "title",
        "lay_summary",
        "purpose",
        "public_benefit",
        "lead_organisation",
        "sponsor",
        "publication",
    )
    services.save_answers(people["ann"], draft, dict.fromkeys(text_keys, nasty))
    draft.refresh_from_db()
    client = sign_in("ann")
    address = f"/applications/{draft.reference}/"
    pages = [address, f"{address}check/", "/applications/", "/tasks/", f"{address}section/project/"]
    pages += [f"{address}section/people/", f"{address}section/outputs/"]
    texts = [client.get(page).content.decode() for page in pages]
    services.submit(people["ann"], draft)
    texts.append(sign_in("rita").get(f"{address}decide/").content.decode())
    services.decide(people["rita"], draft, "approve", nasty)
    services.decide(people["dora"], draft, "approve", nasty)
    texts += [sign_in("rita").get(page).content.decode() for page in (address, f"/projects/{draft.slug}/")]
    texts += [client.get(page).content.decode() for page in ("/", "/register/", f"/register/{draft.slug}/")]
    for text in texts:
        assert "alert(1)" in text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_an_archive_is_shown_as_its_text_files(tmp_path: Any) -> None:
    import zipfile

    from lockgate.portal.files import code_text

    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("helper.sql", "SELECT 1")
        archive.writestr("main.py", "print(1)")
        archive.writestr("picture.png", b"\x89PNG")
    text = code_text(path)
    assert text.index("main.py") < text.index("helper.sql")
    assert "PNG" not in text
    path.write_bytes(b"no archive")
    assert "can't be read" in code_text(path)
    assert code_text(tmp_path / "none.py") == ""
