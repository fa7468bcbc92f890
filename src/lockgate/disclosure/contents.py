"""What a file is and what it carries, where ``lockgate.outputs`` didn't write it: each kind has its own answer.

None of these kinds may leave; the answer says what was found in it, so that its author knows what to do instead. Looked
at are the bytes, never only the name. Nothing is run, nothing is unpacked beyond ``MOST_BYTES``.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator

from lockgate.disclosure.findings import Finding

MOST_BYTES = 20_000_000
HEAD = 1 << 16

# (rule, what it is, the bytes at its start)
_MAGIC: list[tuple[str, str, bytes]] = [
    ("database", "a Parquet file", b"PAR1"),
    ("database", "an Arrow file", b"ARROW1"),
    ("database", "a Feather file", b"FEA1"),
    ("database", "a SQLite database", b"SQLite format 3\0"),
    ("database", "a Stata file", b"<stata_dta>"),
    ("database", "an SPSS file", b"$FL"),
    ("database", "an ORC file", b"ORC"),
    ("database", "an Avro file", b"Obj\x01"),
    ("model", "an HDF5 file (a model's weights, or data)", b"\x89HDF"),
    ("model", "a NumPy array", b"\x93NUMPY"),
    ("model", "an R object", b"RDX"),
    ("model", "a GGUF model", b"GGUF"),
    ("archive", "a gzip archive", b"\x1f\x8b"),
    ("archive", "a bzip2 archive", b"BZh"),
    ("archive", "an xz archive", b"\xfd7zXZ"),
    ("archive", "a zstandard archive", b"\x28\xb5\x2f\xfd"),
    ("archive", "a 7z archive", b"7z\xbc\xaf"),
    ("archive", "a RAR archive", b"Rar!"),
    ("document", "a PDF document", b"%PDF"),
    ("document", "a rich text document", b"{\\rtf"),
    ("spreadsheet", "an old Office file, which can hide anything", b"\xd0\xcf\x11\xe0"),
    ("image", "a PNG image", b"\x89PNG"),
    ("image", "a JPEG image", b"\xff\xd8\xff"),
    ("image", "a GIF image", b"GIF8"),
    ("image", "a TIFF image", b"II*\0"),
    ("image", "a TIFF image", b"MM\0*"),
    ("image", "a bitmap", b"BM"),
    ("image", "a DICOM image", b""),  # told by its place, below
    ("program", "a program", b"\x7fELF"),
    ("program", "a program", b"MZ"),
    ("program", "a WebAssembly module", b"\0asm"),
    ("program", "a script", b"#!"),
]
_REMEDY = {
    "database": "count and summarise inside, and write tables with lockgate.outputs",
    "model": "write the coefficients with lockgate.outputs.model; a fitted object can hold its training data",
    "archive": "write the files themselves",
    "document": "write the words with lockgate.outputs.text and the figures with table",
    "spreadsheet": "write each sheet as a table with lockgate.outputs",
    "image": "describe the chart with lockgate.outputs.chart; Lockgate draws it from the checked table",
    "notebook": "write its results with lockgate.outputs, and keep the notebook inside",
    "program": "code doesn't leave by the airlock for results",
    "row-level data": "group the records and count them",
}


def kind_of(head: bytes) -> tuple[str, str]:
    """(rule, what the file is) by its first bytes; ("", "") for text or what isn't known."""
    if head[128:132] == b"DICM":
        return "image", "a DICOM image, which names its patient"
    if head[8:12] == b"DUCK":
        return "database", "a DuckDB database"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image", "a WebP image"
    if re.match(rb"\x80[\x02-\x05](?:\x95|[\]\}c\(])", head):
        return "model", "a pickle, which can hold any data and runs as code when opened"
    if head[:2] == b"PK":
        return "archive", "a zip archive"
    if head[257:262] == b"ustar":
        return "archive", "a tar archive"
    for rule, what, magic in _MAGIC:
        if magic and head.startswith(magic):
            return rule, what
    return "", ""


def look(name: str, data: bytes) -> list[Finding]:
    """What stands in a file that outputs.json can't describe, each with its remedy; none for plain unknown text."""
    rule, what = kind_of(data[:HEAD])
    found: list[tuple[str, str]] = []
    if data[:2] == b"PK":
        rule, what, found = _zipped(data)
    elif rule == "image":
        found = [(rule, carried) for carried in _image(data)]
    elif rule == "document":
        found = [(rule, carried) for carried in _pdf(data)]
    elif not rule:
        rule, what, found = _text(name, data)
    if not rule:
        return []
    first = Finding(rule, name, f"is {what}", _REMEDY.get(rule, ""))
    return [first, *(Finding(r, name, message, _REMEDY.get(r, "")) for r, message in found)]


def inside(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(where, bytes) of what a container holds, for a search: zip members, PDF and PNG streams."""
    left = MOST_BYTES
    if data[:2] == b"PK":
        for member, content in _members(data):
            yield f"a zip archive ({_kind_of_member(member)})", content
    elif data[:4] == b"%PDF":
        for match in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
            content = _inflated(match[1], left)
            left -= len(content)
            if content:
                yield "a PDF stream", content
    elif data[:4] == b"\x89PNG":
        for kind, content in _png_chunks(data):
            if kind in (b"zTXt", b"iTXt", b"IDAT", b"eXIf"):
                plain = _inflated(content[content.find(b"\0") + 2 :] if kind == b"zTXt" else content, left)
                left -= len(plain)
                if plain:
                    yield "a PNG image", plain


def _kind_of_member(name: str) -> str:
    return "its " + (re.sub(r"[^a-z]", "", name.rpartition(".")[2].lower())[:8] or "files")


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of a zip archive, as far as they are readable and together no larger than MOST_BYTES."""
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist()[:2_000]:
                if item.flag_bits & 1 or left <= 0:
                    continue
                with archive.open(item) as stream:
                    content = stream.read(left)
                left -= len(content)
                yield item.filename, content
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error, EOFError, ValueError):
        return


def _zipped(data: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    """A zip archive, or what is one inside: a spreadsheet, a document, a model."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            items = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "archive", "a damaged zip archive", []
    names = [item.filename for item in items]
    packed = sum(item.compress_size for item in items) or 1
    if any(n.startswith("xl/") for n in names):
        return "spreadsheet", "a spreadsheet", [("spreadsheet", text) for text in _workbook(data, names)]
    if any(n.startswith("word/") for n in names):
        return "document", "a Word document", [("document", text) for text in _word(data, names)]
    if any(n.startswith("ppt/") for n in names):
        return (
            "document",
            "a presentation",
            [("document", "can hold hidden slides, notes and embedded workbooks")],
        )
    if "content.xml" in names and "mimetype" in names:
        content = b"".join(c for n, c in _members(data) if n == "content.xml")
        hidden = [("spreadsheet", "has hidden sheets, rows or columns")] if re.search(
            rb'table:(?:display="false"|visibility="(?:collapse|filter)")', content) else []  # fmt: skip
        formulas = [("spreadsheet", "has formulas")] if b"table:formula=" in content else []
        return "spreadsheet", "an OpenDocument file", hidden + formulas
    if any(n.endswith(("data.pkl", ".pkl")) for n in names):
        return "model", "a saved model (PyTorch), with a pickle inside", []
    if any(n.endswith(".npy") for n in names):
        return "model", "saved NumPy arrays", []
    found = []
    if sum(item.file_size for item in items) > 100 * packed:
        found.append(("archive", "unpacks to more than a hundred times its size"))
    if any(item.flag_bits & 1 for item in items):
        found.append(("archive", "is encrypted"))
    return "archive", "a zip archive", found


def _workbook(data: bytes, names: list[str]) -> Iterator[str]:
    sheets = {n: c for n, c in _members(data) if n.endswith((".xml", ".rels"))}
    book = sheets.get("xl/workbook.xml", b"")
    body = b"".join(c for n, c in sheets.items() if n.startswith("xl/worksheets/"))
    if re.search(rb'<sheet\b[^>]*state="(?:hidden|veryHidden)"', book):
        yield "has hidden sheets"
    if re.search(rb'<row\b[^>]*hidden="(?:1|true)"', body):
        yield "has hidden rows"
    if re.search(rb'<col\b[^>]*hidden="(?:1|true)"', body):
        yield "has hidden columns"
    if re.search(rb"<f[\s>/]", body):
        cached = re.search(rb"<f[^>]*>[^<]*</f>\s*<v>", body)
        yield "has formulas" + (", with values kept from when they were computed" if cached else "")
    for part, why in (
        ("xl/pivotCache", "keeps the records behind a pivot table"),
        ("xl/externalLinks", "keeps values of other workbooks"),
        ("xl/vbaProject", "has macros"),
        ("xl/comments", "has comments"),
        ("xl/embeddings", "has files embedded in it"),
        ("xl/media", "has images"),
    ):
        if any(n.startswith(part) for n in names):
            yield why
    if re.search(rb"<(?:dc:creator|cp:lastModifiedBy)>[^<]", sheets.get("docProps/core.xml", b"")):
        yield "names its author"
    if b"<definedName" in book:
        yield "has named ranges, which can hold values"


def _word(data: bytes, names: list[str]) -> Iterator[str]:
    parts = {n: c for n, c in _members(data) if n.endswith(".xml")}
    body = parts.get("word/document.xml", b"")
    if re.search(rb"<w:(?:ins|del)\b", body):
        yield "keeps tracked changes"
    if re.search(rb"<w:vanish\b", body):
        yield "has hidden text"
    for part, why in (("word/comments", "has comments"), ("word/embeddings", "has workbooks embedded in it"),
                      ("word/vbaProject", "has macros"), ("word/media", "has images")):  # fmt: skip
        if any(n.startswith(part) for n in names):
            yield why
    if re.search(rb"<(?:dc:creator|cp:lastModifiedBy)>[^<]", parts.get("docProps/core.xml", b"")):
        yield "names its author"


def _pdf(data: bytes) -> Iterator[str]:
    if re.search(rb"/(?:Author|Creator|Producer)\s*[(<]", data):
        yield "names its author or programs"
    if b"/EmbeddedFile" in data:
        yield "has files embedded in it"
    if b"/JavaScript" in data or b"/JS " in data:
        yield "has scripts"
    if data.count(b"%%EOF") > 1:
        yield "keeps earlier versions of itself"


def _image(data: bytes) -> Iterator[str]:
    if data[:4] == b"\x89PNG":
        kinds = {kind for kind, _ in _png_chunks(data)}
        if kinds & {b"tEXt", b"zTXt", b"iTXt"}:
            yield "carries text in its metadata"
        if b"eXIf" in kinds:
            yield "carries EXIF data"
        end = data.find(b"IEND")
        if end >= 0 and end + 8 < len(data):
            yield "has further bytes after its end"
    elif data[:3] == b"\xff\xd8\xff":
        if b"Exif\0\0" in data[:HEAD]:
            yield "carries EXIF data" + (
                " with a place" if b"GPS" in data[:HEAD] or b"\x25\x88" in data[:HEAD] else ""
            )
        if b"http://ns.adobe.com/xap/" in data[:HEAD]:
            yield "carries XMP metadata"
        end = data.rfind(b"\xff\xd9")
        if end >= 0 and end + 2 < len(data):
            yield "has further bytes after its end"


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def _text(name: str, data: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "", "", []
    start = text.lstrip()[:200].lower()
    if start.startswith("{") and '"nbformat"' in text:
        return "notebook", "a notebook", [("notebook", found) for found in _notebook(text)]
    if start.startswith(("<svg", "<?xml")) and "<svg" in text[:2_000].lower():
        carries = re.search(r"<(?:metadata|script|desc|image|foreignObject)\b|data:", text)
        return "image", "an SVG image", [("image", "carries metadata, scripts or data")] if carries else []
    if start.startswith(("<!doctype html", "<html")):
        return "document", "a web page, which can hold data and scripts", []
    if name.lower().endswith((".csv", ".tsv", ".txt", ".dat", ".jsonl", ".ndjson", ".json")):
        problem = _records(text)
        if problem:
            return "row-level data", problem, []
    return "", "", []


def _notebook(text: str) -> Iterator[str]:
    try:
        cells = json.loads(text).get("cells", [])
    except (ValueError, AttributeError, RecursionError):
        yield "can't be read as a notebook"
        return
    cells = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    if any(cell.get("outputs") for cell in cells):
        yield "keeps the outputs of its cells: data that were printed"
    if any(cell.get("attachments") for cell in cells):
        yield "has files attached to its cells"
    if '"widgets"' in text or '"application/vnd.jupyter.widget-state+json"' in text:
        yield "keeps the state of widgets"


def _records(text: str) -> str:
    """What makes a text look like one record a line; "" when it doesn't."""
    lines = [line for line in text.splitlines()[:2_001] if line.strip()]
    if len(lines) > 20 and all(line.lstrip().startswith("{") for line in lines):
        return "one record a line (JSON lines)"
    for mark in (",", ";", "\t", "|"):
        try:
            rows = list(csv.reader(lines, delimiter=mark, strict=True))
        except csv.Error:
            continue
        widths = {len(row) for row in rows}
        if len(rows) > 20 and len(widths) == 1 and widths.pop() > 1:
            body = rows[1:]
            if any(len({row[i] for row in body}) == len(body) for i in range(len(body[0]))):
                return "rows with a column that is different in each: records of single people, it seems"
    return ""


def _inflated(data: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(data.lstrip(b"\r\n"), max(most, 1))
    except zlib.error:
        return b""


def not_csv(data: bytes) -> str:
    """Why a file called .csv isn't a table in commas; "" when it may be one."""
    rule, what = kind_of(data[:HEAD])
    if rule:
        return f"is {what}, whatever its name says"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "is UTF-16 text, and not UTF-8"
    start = data[:HEAD].lstrip()[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"{", b"[")):
        return "is a web page, XML or JSON, whatever its name says"
    first = data.split(b"\n", 1)[0]
    if b"," not in first and (b";" in first or b"\t" in first):
        return "has its columns split by something else than commas"
    return ""
