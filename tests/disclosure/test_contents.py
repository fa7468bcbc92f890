"""Files that no job should hand in: each is refused with its own reason, and what it hides is found."""

from __future__ import annotations

import base64
import bz2
import io
import json
import os
import pickle
import socket
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.disclosure import Rules, check_outputs


def said(folder: Path, name: str, **more: object) -> tuple[set[str], str]:
    """The rules found for one file, and all that was said of it."""
    (verdict,) = (v for v in check_outputs(folder, **more) if v.file == name)  # type: ignore[arg-type]
    assert verdict.decision == "fail"
    return {f.rule for f in verdict.findings}, " ".join(f.message for f in verdict.findings)


def zipped(files: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


WORKBOOK = {
    "xl/workbook.xml": '<workbook><sheets><sheet name="a" state="hidden"/></sheets><definedNames>'
    '<definedName name="x">1</definedName></definedNames></workbook>',
    "xl/worksheets/sheet1.xml": '<cols><col min="1" hidden="1"/></cols><row r="1" hidden="1"><c><f>A1</f><v>7</v></c>'
    "</row>",
    "xl/pivotCache/records.xml": "<r/>",
    "xl/vbaProject.bin": "x",
    "docProps/core.xml": "<dc:creator>Somebody</dc:creator>",
}


def png(*chunks: tuple[bytes, bytes], tail: bytes = b"") -> bytes:
    out = b"\x89PNG\r\n\x1a\n"
    for kind, body in (*chunks, (b"IEND", b"")):
        out += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return out + tail


def notebook() -> bytes:
    cells = [{"cell_type": "code", "source": "x", "outputs": [{"text": "1234"}], "attachments": {"a": {}}}]
    return json.dumps({"nbformat": 4, "cells": cells, "metadata": {"widgets": {}}}).encode()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2]}), out)
    return out.getvalue()


CASES: dict[str, tuple[str, bytes, str, tuple[str, ...]]] = {
    "workbook": ("a.xlsx", zipped(WORKBOOK), "spreadsheet", (
        "hidden sheets", "hidden rows", "hidden columns", "values kept", "pivot", "macros", "author", "named ranges")),
    "notebook": ("a.ipynb", notebook(), "notebook", ("outputs of its cells", "attached", "widgets")),
    "PNG text": ("a.png", png((b"tEXt", b"Comment\0secret"), (b"eXIf", b"II"), tail=b"more"), "image",
                 ("text in its metadata", "EXIF", "after its end")),
    "JPEG EXIF": ("a.jpg", b"\xff\xd8\xff\xe1\0\x10Exif\0\0GPS..\xff\xd9trailing", "image", ("EXIF", "place", "after")),
    "pickle": ("model.pkl", pickle.dumps({"a": [1]}), "model", ("pickle",)),
    "numpy": ("a.npy", b"\x93NUMPY\x01\0", "model", ("NumPy",)),
    "torch": ("a.pt", zipped({"m/data.pkl": b"\x80\x02."}), "model", ("PyTorch",)),
    "parquet": ("a.parquet", parquet(), "database", ("Parquet",)),
    "sqlite": ("a.db", b"SQLite format 3\0" + b"\0" * 50, "database", ("SQLite",)),
    "bomb": ("a.zip", zipped({"zeros": b"\0" * 3_000_000}), "archive", ("hundred times",)),
    "word": ("a.docx", zipped({"word/document.xml": "<w:ins/><w:vanish/>", "word/comments.xml": "x"}), "document",
             ("tracked changes", "hidden text", "comments")),
    "pdf": ("a.pdf", b"%PDF-1.4 /Author (x) /EmbeddedFile %%EOF %%EOF", "document", ("author", "embedded", "earlier")),
    "program": ("run", b"\x7fELF....", "program", ("a program",)),
    "csv that is a zip": ("people.csv", zipped({"a": "b"}), "format", ("a zip archive, whatever",)),
    "csv of semicolons": ("people.csv", b"a;b\n1;2\n", "format", ("something else than commas",)),
    "csv in UTF-16": ("people.csv", "a,b\n1,2\n".encode("utf-16"), "format", ("UTF-16",)),
    "csv that is a page": ("people.csv", b"<html><table>", "format", ("web page",)),
    "rows": ("people.csv", b"id,age\n" + b"".join(b"%d,40\n" % i for i in range(30)), "row-level data",
             ("different in each",)),
    "json lines": ("people.json", b'{"a": 1}\n' * 30, "row-level data", ("JSON lines",)),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_each_kind_has_its_own_answer(job: Path, case: str) -> None:
    name, data, rule, words = CASES[case]
    (job / name).write_bytes(data)
    rules, text = said(job, name)
    assert rule in rules
    for word in words:
        assert word in text, text


def test_what_containers_hold_is_searched(job: Path, data: tuple[Path, int]) -> None:
    folder, person = data
    held = {
        "a.xlsx": zipped({"xl/workbook.xml": "", "xl/worksheets/s.xml": f"<v>{person}</v>"}),
        "b.png": png((b"zTXt", b"k\0\0" + zlib.compress(str(person).encode()))),
        "c.pdf": b"%PDF-1 stream\n" + zlib.compress(f"({person})".encode()) + b"endstream",
        "d.bz2": bz2.compress(str(person).encode()),
        "e.txt": base64.b64encode(str(person).encode())[::-1],
        "f.txt": np.base_repr(person, 36).lower().encode(),
        "g.txt": np.base_repr(person, 8).encode(),
        "h.txt": np.base_repr(person, 2).encode(),
        "i.txt": "".join(chr(0x0660 + int(d)) for d in str(person)).encode(),
        "j.txt": base64.b85encode(struct.pack(">q", person)),
        "k.txt": str(person).encode("utf-16-le"),
        "l.zip": zipped({"deep.zip": zipped({"x": base64.b64encode(str(person).encode())})}),
    }
    for name, content in held.items():
        (job / name).write_bytes(content)
    verdicts = {v.file: {f.rule for f in v.findings} for v in check_outputs(job, pseudonyms=folder)}
    assert [name for name in held if "pseudonym" not in verdicts[name]] == []


def test_identifiers_in_a_spreadsheet(job: Path) -> None:
    (job / "a.xlsx").write_bytes(
        zipped({"xl/workbook.xml": "", "xl/sharedStrings.xml": "<t>943 476 5919</t>"})
    )
    assert "identifier" in said(job, "a.xlsx")[0]


def test_a_file_of_two_gigabytes_is_refused_by_its_head(job: Path) -> None:
    with (job / "big.parquet").open("wb") as file:
        file.write(b"PAR1")
        file.truncate(2 << 30)
    rules, text = said(job, "big.parquet")
    assert "size" in rules and "a Parquet file" in text


def test_links_sockets_pipes_and_odd_names(job: Path) -> None:
    (job / "link.csv").symlink_to("/etc/passwd")
    os.mkfifo(job / "pipe.csv")
    (job / "folder").mkdir()
    (job / "na\nme\x1b[2J.csv").write_text("a,b\n")
    here = Path.cwd()
    os.chdir(job)  # the path of a socket is short
    try:
        socket.socket(socket.AF_UNIX).bind("s")
    finally:
        os.chdir(here)
    verdicts = {v.file: v for v in check_outputs(job, Rules())}
    for name in ("link.csv", "pipe.csv", "folder", "s"):
        assert "file type" in {f.rule for f in verdicts[name].findings}
    (odd,) = (v for name, v in verdicts.items() if name.startswith("na?me"))
    assert "file name" in {f.rule for f in odd.findings}
    assert all("\x1b" not in f.where for f in odd.findings)
