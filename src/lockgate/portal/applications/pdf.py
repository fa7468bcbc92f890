"""An application as a PDF to read and to sign, which brings its answers with it: the JSON file is attached inside.

Reading it back takes the attachment, and never guesses at what is drawn on a page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import font_roboto
from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

from lockgate.errors import UsageError
from lockgate.portal.accounts.rules import role_label
from lockgate.portal.applications.models import Application
from lockgate.portal.applications.shown import shown_answers
from lockgate.portal.applications.states import DECISIONS
from lockgate.portal.jinja import day, moment
from lockgate.portal.sites import current_site

ATTACHED = "application.json"
MOST = 5 * 1024 * 1024  # bytes of an attachment that is read
_INK, _QUIET = HexColor("#212b32"), HexColor("#4c6272")


def _styles() -> dict[str, ParagraphStyle]:
    if "Roboto" not in pdfmetrics.getRegisteredFontNames():
        folder = Path(font_roboto.__file__).parent / "files"
        pdfmetrics.registerFont(TTFont("Roboto", folder / "Roboto-Regular.ttf"))
        pdfmetrics.registerFont(TTFont("Roboto-Bold", folder / "Roboto-Bold.ttf"))
    plain = ParagraphStyle("plain", fontName="Roboto", fontSize=10, leading=14, textColor=_INK, spaceAfter=6)
    return {
        "plain": plain,
        "title": ParagraphStyle(
            "title", plain, fontName="Roboto-Bold", fontSize=18, leading=23, spaceAfter=4
        ),
        "head": ParagraphStyle(
            "head", plain, fontName="Roboto-Bold", fontSize=13, leading=18, spaceBefore=10
        ),
        "question": ParagraphStyle("question", plain, fontName="Roboto-Bold", spaceAfter=1, keepWithNext=1),
        "quiet": ParagraphStyle("quiet", plain, textColor=_QUIET, fontSize=9, leading=12),
    }


def as_pdf(application: Application, attached: dict[str, Any]) -> bytes:
    """The application as it stands: what it is, each question with its answer, and what was decided; A4 pages.

    ``attached`` is the JSON object of its answers, which the file carries.
    """
    styles = _styles()
    drawn = io.BytesIO()
    document = SimpleDocTemplate(
        drawn, pagesize=A4, leftMargin=22 * mm, rightMargin=22 * mm, topMargin=20 * mm, bottomMargin=20 * mm,
        title=f"{application.reference} {application.title}", author=application.applicant.name, lang="en-GB",
    )  # fmt: skip
    site = current_site().config.site.name

    def foot(canvas: Any, _: Any) -> None:
        canvas.setFont("Roboto", 8)
        canvas.setFillColor(_QUIET)
        canvas.drawString(
            22 * mm, 10 * mm, f"{application.reference}, version {application.version.number}. {site}"
        )
        canvas.drawRightString(A4[0] - 22 * mm, 10 * mm, f"Page {canvas.getPageNumber()}")

    document.build(list(_story(application, styles)), onFirstPage=foot, onLaterPages=foot)
    writer = PdfWriter(clone_from=PdfReader(drawn))
    writer.add_attachment(ATTACHED, json.dumps(attached, indent=2, ensure_ascii=False).encode())
    whole = io.BytesIO()
    writer.write(whole)
    return whole.getvalue()


def _story(application: Application, styles: dict[str, ParagraphStyle]) -> Iterator[Flowable]:
    def text(value: object, style: str = "plain") -> Paragraph:
        return Paragraph(escape(str(value)).replace("\n", "<br/>"), styles[style])

    yield text(f"{application.reference} · {application.get_kind_display()}", "quiet")
    yield text(application.title or "Untitled application", "title")
    yield text(f"{application.get_state_display()}. Applicant: {application.applicant.name}.")
    if application.submitted_at:
        yield text(f"Submitted {moment(application.submitted_at)}.", "quiet")
    for item in application.standing():
        yield text(
            f"{role_label(item.role)}: {DECISIONS.get(item.decision, item.decision)}, "
            f"{item.by.name if item.by else 'by rule'}, {moment(item.at)}."
            + (f"\n{item.note}" if item.note else "")
        )
    for part in shown_answers(application):
        yield text(part["section"].title, "head")
        for row in part["rows"]:
            yield text(row["question"].label, "question")
            for line in _lines(row["answer"]):
                yield text(line)
    yield Spacer(1, 6 * mm)
    yield text(
        f"The answers are inside this file too ({ATTACHED}): bring it in under Start an application.", "quiet"
    )


def _lines(answer: dict[str, Any]) -> list[str]:
    kind, value = answer["kind"], answer["value"]
    if kind == "none":
        return ["Not answered"]
    if kind == "list":
        return [f"• {item}" for item in value]
    if kind == "date":
        return [day(value)]
    if kind == "columns":
        return [f"{table}: {', '.join(columns)}" for table, columns in value.items()]
    if kind == "cohort":
        said = [f"{value['name']}, version {value['version']}"]
        for section in value["sections"]:
            said += [section["title"], *(f"• {line['text']}" for line in section["lines"])]
        return said
    return [json.dumps(value, indent=1, ensure_ascii=False) if kind == "json" else str(value)]


def attached_json(content: bytes, *, where: str) -> bytes:
    """The answers that a PDF of ours carries. UsageError when it can't be read or carries none."""
    try:
        found = PdfReader(io.BytesIO(content)).attachments.get(ATTACHED, [])
        inside = bytes(found[0]) if found else b""
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"the PDF can't be read ({type(error).__name__})",
            where=where,
            remedy="export it anew, or use the JSON file",
        ) from error
    if not inside or len(inside) > MOST:
        raise UsageError(
            "the PDF carries no answers",
            where=where,
            remedy="use one that this portal exported and nobody printed anew, or the JSON file",
        )
    return inside
