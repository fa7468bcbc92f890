"""An application as a PDF: to read, and to bring in again."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pypdf import PdfReader, PdfWriter

from lockgate.errors import UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import services
from lockgate.portal.applications.models import Application
from lockgate.portal.applications.pdf import as_pdf

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(people: dict[str, User], answers: dict[str, Any]) -> Application:
    """A finished draft, with names and signs that no Latin alphabet has all of."""
    application = services.create(people["ann"], "research")
    answers["lay_summary"] = "Żółć, Nguyễn & Ωmega <b>not bold</b>\nA second line."
    assert not services.save_answers(people["ann"], application, answers)
    application.refresh_from_db()
    return application


def test_it_reads_as_the_page_does(draft: Application, client: Client, people: dict[str, User]) -> None:
    client.force_login(people["ann"])
    answer = client.get(f"/applications/{draft.reference}/export.pdf")
    assert answer["Content-Type"] == "application/pdf"
    reader = PdfReader(io.BytesIO(answer.content))
    text = "\n".join(page.extract_text() for page in reader.pages)
    for said in (
        draft.reference,
        draft.title,
        "Żółć, Nguyễn & Ωmega <b>not bold</b>",
        "A second line.",
        "Ann Example",
    ):
        assert said in text, said
    client.force_login(people["ben"])
    assert client.get(f"/applications/{draft.reference}/export.pdf").status_code == 404


def test_it_comes_back_as_it_went(draft: Application, client: Client, people: dict[str, User]) -> None:
    content = as_pdf(draft, services.export_file(draft))
    client.force_login(people["ann"])
    upload = SimpleUploadedFile("application.pdf", content, content_type="application/pdf")
    assert client.post("/applications/new/", {"file": upload}).status_code == 302
    brought = Application.objects.exclude(pk=draft.pk).get()
    assert brought.answers == draft.answers
    assert brought.kind == draft.kind


def test_a_pdf_without_answers_is_refused(people: dict[str, User], draft: Application) -> None:
    blank = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(blank)
    whole = as_pdf(draft, services.export_file(draft))
    for content, said in (
        (blank.getvalue(), "carries no answers"),
        (b"%PDF-1.7 and nothing more", "can't be read"),
        (whole[: len(whole) // 2], "carries no answers|can.t be read"),
    ):
        with pytest.raises(UsageError, match=said):
            services.import_file(people["ann"], content)
    assert Application.objects.count() == 1
