"""Letters as files: what text they give, and what gives none. All letters are invented and written here."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest
from docx import Document

from lockgate.capture import capture_fhir
from lockgate.capture.documents import safe_kind, text_of
from lockgate.site import Site

from .conftest import adds_up, patient, write

LINES = ["Dear Dr Example,", "Ejection fraction 45 %. No sign of fibrosis."]


def pdf(lines: list[str]) -> bytes:
    """A PDF of one page: with ``lines`` as its text layer, or, without lines, a page that is a picture."""
    draw = "BT /F1 12 Tf 72 720 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    content = draw if lines else "q 100 0 0 100 72 600 cm /I1 Do Q"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> "
        "/XObject << /I1 6 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>"
        "\nstream\n0\nendstream",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(out)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    return out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()


RTF = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\*\generator Invented;}\f0\fs24 Dear Dr Example,\par "
    rb"Caf\'e9 \b closed\b0 . O\u8322?2 94 %.\par {\pict\pngblip 89504e47}}"
)
HTML = (
    b"<!DOCTYPE html><html><head><style>p {color: red}</style><script>alert(1)</script></head><body><p>Dear Dr "
    b"Example,</p><table><tr><td>Sodium</td><td>140</td></tr></table><p>A<b>B</b>C &amp; D &lt; 7</p></body></html>"
)
XML = (
    b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<d><p>Seen in clinic.</p><p>&x;Well.</p></d>"
)


def word() -> bytes:
    """A Word file with a head, a paragraph, a table with a merged cell, and a foot."""
    document = Document()
    document.sections[0].header.paragraphs[0].text = "Invented Hospital"
    document.add_paragraph(LINES[0])
    table = document.add_table(rows=2, cols=2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Bloods"
    table.cell(1, 0).text, table.cell(1, 1).text = "Sodium", "140"
    document.add_paragraph(LINES[1])
    document.sections[0].footer.paragraphs[0].text = "Page 1"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_word_letter_is_read_in_its_order() -> None:
    text = text_of(word(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
    wanted = ["Invented Hospital", LINES[0], "Bloods", "Sodium\t140", LINES[1], "Page 1"]
    assert (text or "").split("\n") == wanted


def test_a_zip_that_is_no_letter_has_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("other.xml", "<a>text</a>")
    assert text_of(out.getvalue(), "application/zip") is None
    monkeypatch.setattr("lockgate.capture.documents.MAX_BYTES", 20_000)
    assert text_of(word(), None) is None  # it would unpack to more than is read


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (pdf(LINES), "application/pdf", LINES),
        (pdf(LINES), "text/plain", LINES),  # told by its bytes, whatever its label says
        (RTF, "application/rtf", ["Dear Dr Example,", "Caf\xe9 closed. O\u20822 94 %."]),
        (HTML, None, ["Dear Dr Example,", "Sodium", "140", "ABC & D < 7"]),
        (XML, "application/xml", ["Seen in clinic.", "Well."]),
        ("Naïve".encode("cp1252"), "text/plain; charset=windows-1252", ["Naïve"]),
        ("\ufeffNaïve".encode(), None, ["Naïve"]),
    ],
)
def test_the_text_of_files(data: bytes, kind: str | None, said: list[str]) -> None:
    text = text_of(data, kind)
    assert text is not None
    for part in said:
        assert part in text
    for markup in ("<", "\\par", "color", "alert", "89504e47", "Invented", "root:"):
        assert markup not in text.replace("< 7", "")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (pdf([]), "application/pdf"),
        (b"%PDF-1.4 cut short", "application/pdf"),
        (b"\x89PNG\r\n", "image/png"),
        (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"\xff\xfe\x00", "text/plain"),
        (b"<a><b></a>", "application/xml"),
        (b"", "text/html"),
        (b"Well", "text/plain; charset=no-such-encoding"),
    ],
)
def test_files_without_a_text(data: bytes, kind: str) -> None:
    assert text_of(data, kind) is None


def test_letters_in_fhir(site: Site, tmp_path: Path, rows) -> None:
    def letter(number: int, *attachments: tuple[str, bytes]) -> dict[str, object]:
        content = [
            {"attachment": {"contentType": kind, "data": base64.b64encode(data).decode()}}
            for kind, data in attachments
        ]
        return {
            "resourceType": "DocumentReference",
            "id": f"n{number}",
            "status": "current",
            "subject": {"reference": "Patient/p1"},
            "content": content,
        }

    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": {"text": "CT"},
        "subject": {"reference": "Patient/p1"},
        "presentedForm": [{"contentType": "application/pdf", "data": base64.b64encode(pdf([])).decode()}],
    }
    letters = [
        letter(1, ("application/pdf", pdf(LINES))),
        letter(2, ("application/rtf", RTF), ("text/plain", b"Signed")),
        letter(3, ("text/html", HTML)),
        letter(4, ("application/pdf", pdf([]))),
        letter(5, ("text/plain", b"Plain.")),
    ]
    result = capture_fhir(site, write(tmp_path / "n.ndjson", patient(), *letters, report), actor="test")
    assert adds_up(result)
    assert (result.staged, result.quarantined) == (7, 0)
    told = dict(rows("document", "record_id, text"))
    assert told["n1"] == "\n".join(LINES)
    assert told["n2"].startswith("Dear Dr Example,\nCaf\xe9")
    assert told["n2"].endswith("\nSigned")
    assert "<" not in told["n3"].replace("< 7", "")
    assert told["n5"] == "Plain."
    assert told["n4"] is None
    assert told["DiagnosticReport/r1"] is None
    assert (
        "documents are staged without text, none could be read from them: application/pdf (2)"
        in result.warnings
    )


def test_a_content_type_is_told_only_where_it_is_one() -> None:
    assert safe_kind("Application/PDF; name=Ann Example.pdf") == "application/pdf"
    assert safe_kind("943 476 5919") == "other"
