"""Letters that come as files: the text of PDF (its text layer), Word, RTF, HTML and XML, by libraries kept for it.

Nothing is read from pictures: a scanned letter has no text here. It is staged without one, counted, and no release
carries it.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

import pyarrow as pa

from lockgate.engine import Engine

MAX_PAGES = 2_000  # of one PDF: a file of more is no letter
MAX_BYTES = 64 * 2**20  # of one file
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_MARKUP = re.compile(rb"\s*(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body|\?xml)\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)


def text_of(data: bytes, content_type: str | None = None) -> str | None:
    """The text of a file: told by its first bytes, then by its content type (MIME). None where it has none that can be
    read: pictures, scans without a text layer, encrypted or broken files, other kinds.
    """
    kind, _, _ = (content_type or "").partition(";")
    kind = kind.strip().lower()
    if len(data) > MAX_BYTES:
        return None
    read: Callable[[bytes, str], str] | None
    if data.lstrip()[:5] == b"%PDF-":
        read = _pdf
    elif data.lstrip()[:5] == b"{\\rtf":
        read = _rtf
    elif data[:4] == b"PK\x03\x04":
        read = _word
    elif kind in ("text/html", "application/xhtml+xml") or (
        _MARKUP.match(data) and b"<?xml" not in data[:60]
    ):
        read = _html
    elif kind in ("text/xml", "application/xml") or kind.endswith("+xml") or _MARKUP.match(data):
        read = _xml
    elif not kind or kind.startswith("text/"):
        read = _plain
    else:
        return None
    try:
        text = read(data, content_type or "")
    except Exception:  # whatever a broken file makes its library raise: it has no text
        return None
    text = text.translate(_LIGATURES).replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip() or None


def _encoding(data: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type)
    if named:
        return named[1]
    declared = _DECLARED.search(data[:1024])
    return declared[1].decode("ascii") if declared else ""


def _plain(data: bytes, content_type: str) -> str:
    return data.decode(_encoding(b"", content_type) or "utf-8-sig")


def _decoded(data: bytes, content_type: str) -> str:
    named = _encoding(data, content_type)
    if named:
        return data.decode(named)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def _html(data: bytes, content_type: str) -> str:
    from inscriptis import get_text

    # a declared encoding is obeyed here; lxml refuses text that names one itself
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", _decoded(data, content_type))
    return str(get_text(text))


def _xml(data: bytes, content_type: str) -> str:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(data, parser)
    parts = (part.strip() for part in root.itertext(with_tail=True))
    return "\n".join(part for part in parts if part)


def _rtf(data: bytes, content_type: str) -> str:
    from striprtf.striprtf import rtf_to_text

    return str(rtf_to_text(data.decode("latin-1"), errors="replace"))


def _word(data: bytes, content_type: str) -> str:
    """A .docx: heads, paragraphs and tables in their order, and feet; empty for other kinds of zip."""
    from docx import Document
    from docx.blkcntnr import BlockItemContainer
    from docx.table import Table

    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        parts = packed.infolist()
        if "word/document.xml" not in packed.namelist() or sum(part.file_size for part in parts) > MAX_BYTES:
            return ""  # another file, or one that unpacks to more than any letter

    def lines(holder: BlockItemContainer) -> Iterator[str]:
        for block in holder.iter_inner_content():
            if isinstance(block, Table):
                for row in block.rows:
                    yield "\t".join("\n".join(lines(cell)) for cell in dict.fromkeys(row.cells))
            else:
                yield block.text

    document = Document(io.BytesIO(data))
    heads, feet = ([getattr(section, part) for section in document.sections] for part in ("header", "footer"))
    said = [line for head in heads if not head.is_linked_to_previous for line in lines(head)]
    said += lines(document._body)
    said += [line for foot in feet if not foot.is_linked_to_previous for line in lines(foot)]
    return "\n".join(said)


def _pdf(data: bytes, content_type: str) -> str:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # its warnings quote the file
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        return ""
    if len(reader.pages) > MAX_PAGES:
        return ""
    return "\n".join(page.extract_text() for page in reader.pages)


def define(engine: Engine) -> None:
    """Make ``document_text`` callable in SQL: of a JSON list of attachments ({contentType, data in base64}), the text
    of all that have one, a line break between them; empty where none has."""
    engine.text_function("document_text", _texts)


def _texts(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([_text(value) for value in column.to_pylist()], pa.string())


def _text(attachments: str) -> str:
    found = []
    for one in json.loads(attachments):
        if not one or not one.get("data"):
            continue
        try:
            data = base64.b64decode(re.sub(r"\s", "", one["data"]), validate=True)
        except (binascii.Error, ValueError):
            continue
        found.append(text_of(data, one.get("contentType")))
    return "\n".join(text for text in found if text)


def count_unread(engine: Engine, documents: str, warnings: Counter[str]) -> None:
    """Say how many of the documents (SQL to select from) are files of which no text could be read, by kind."""
    for kind, count in engine.rows(
        f"SELECT content_type, count(*) FROM {documents} WHERE nullif(trim(text), '') IS NULL AND NOT deleted "
        "AND content_type <> 'text/plain' GROUP BY ALL ORDER BY ALL"
    ):
        warnings[f"documents are staged without text, none could be read from them: {safe_kind(kind)}"] += (
            count
        )


@cache
def safe_kind(content_type: str) -> str:
    """A content type as it may be told: what looks like one, without its parameters."""
    kind = content_type.partition(";")[0].strip().lower()
    return (
        kind
        if re.fullmatch(r"[a-z]{1,20}/[a-z0-9.+-]{1,80}", kind) and not re.search(r"\d{5}", kind)
        else "other"
    )
