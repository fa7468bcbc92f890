"""Code lists as CSV, read for their codes only: what a code is called belongs to its terminology's owner."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.cohorts.definition import CodeItem, ConceptSet
from lockgate.errors import UsageError

_CODE = ("icd10code", "icd10 code", "icdcode", "code", "clinicalcode", "snomedct code", "conceptid")
_VOCABULARY = ("terminology", "vocabulary", "vocabularyid", "codingsystem")
_CATEGORY = ("category", "caliber category", "type", "codetype")
_TITLE = ("disease",)
# how lists name a vocabulary -> OMOP's name of it
VOCABULARIES = {
    "icd10": "ICD10",
    "icd10cm": "ICD10CM",
    "opcs4": "OPCS4",
    "snomed": "SNOMED",
    "snomedct": "SNOMED",
    "dmd": "dm+d",
    "loinc": "LOINC",
    "read2": "Read",
}
_SHAPES = {
    "ICD10": re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,3})?"),
    "OPCS4": re.compile(r"[A-Z]\d{2}(\.?\d)?"),
    "SNOMED": re.compile(r"\d{6,18}"),
    "dm+d": re.compile(r"\d{6,18}"),
    "LOINC": re.compile(r"\d{1,7}-\d"),
}
_MARKS = "+*†‡"  # dagger and asterisk of ICD-10's double coding


@dataclass(frozen=True)
class Code:
    """One code, with the group that its list puts it in."""

    vocabulary: str
    code: str
    category: str = ""


@dataclass(frozen=True)
class CodeList:
    """The codes of one file, each once; ``notes`` say what was done to them in reading."""

    title: str
    codes: tuple[Code, ...]
    notes: tuple[str, ...] = field(default=())

    def concept_set(self) -> ConceptSet:
        """The list as a concept set: each code and all below it."""
        pairs = dict.fromkeys((code.vocabulary, code.code) for code in self.codes)
        return tuple(CodeItem(vocabulary, code, descendants=True) for vocabulary, code in pairs)


def read_codelist(raw: bytes, where: str, vocabulary: str = "") -> CodeList:
    """A code list from the bytes of a CSV file with a header.

    The vocabulary is that of a column (``terminology``), else ``vocabulary`` or the end of the file's name
    (``..._ICD10.csv``). Raises UsageError with the line where the file isn't UTF-8 or CSV, has no column of codes, a
    row has more or fewer fields than the header, or a code isn't one of its vocabulary.
    """
    reader = _Reader(where)
    rows = reader.rows(raw)
    header = [_plain(name) for name in rows[0][1]]
    code_at = reader.column(header, _CODE)
    if code_at is None:
        raise reader.refuse(1, "none of its columns is one of codes", "name the column of codes code")
    vocabulary_at, category_at = reader.column(header, _VOCABULARY), reader.column(header, _CATEGORY)
    title_at = reader.column(header, _TITLE)
    named = vocabulary or _by_name(where)
    found: dict[Code, None] = {}
    titles: dict[str, None] = {}
    blank = marked = again = 0
    for line, row in rows[1:]:
        if not any(cell.strip() for cell in row):
            blank += 1
            continue
        if len(row) != len(header):
            raise reader.refuse(line, f"{len(row)} fields where the header has {len(header)}", "mend the row")
        told = _vocabulary(row[vocabulary_at]) if vocabulary_at is not None else named
        if not told:
            raise reader.refuse(
                line,
                "it isn't said which vocabulary its codes are of",
                "end the file's name in _ICD10.csv, or say it",
            )
        text = row[code_at].strip().upper() if told in ("ICD10", "OPCS4") else row[code_at].strip()
        code = text.rstrip(_MARKS)
        marked += code != text
        shape = _SHAPES.get(told)
        if not code or (shape is not None and not shape.fullmatch(code)):
            raise reader.refuse(line, f"that is no code of {told}", "mend the code, or take the row out")
        item = Code(told, _dotted(told, code), row[category_at].strip() if category_at is not None else "")
        again += item in found
        found[item] = None
        if title_at is not None and row[title_at].strip():
            titles[row[title_at].strip()] = None
    if not found:
        raise reader.refuse(1, "there is no code in it", "leave the file out")
    notes = [
        f"{count} {what}"
        for count, what in (
            (blank, "rows without a value passed over"),
            (marked, "codes without the dagger or asterisk that they were written with"),
            (again, "rows that repeat a code"),
        )
        if count
    ]
    return CodeList(next(iter(titles)) if len(titles) == 1 else "", tuple(found), tuple(notes))


class _Reader:
    def __init__(self, where: str) -> None:
        self._where = where

    def refuse(self, line: int, reason: str, remedy: str) -> UsageError:
        return UsageError(reason, where=f"{self._where}: line {line}", remedy=remedy)

    def rows(self, raw: bytes) -> list[tuple[int, list[str]]]:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            raise self.refuse(line, "it isn't UTF-8", "save it as UTF-8") from error
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            rows = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise self.refuse(reader.line_num, f"it isn't CSV: {error}", "mend the quotes") from error
        if not rows:
            raise self.refuse(1, "it is empty", "leave the file out")
        return rows

    def column(self, header: Sequence[str], names: Sequence[str]) -> int | None:
        """The place of the first of these columns that there is; refused where one is there twice."""
        for name in names:
            places = [place for place, told in enumerate(header) if told == name]
            if len(places) > 1:
                raise self.refuse(1, f"two columns are called {name}", "leave one of them out")
            if places:
                return places[0]
        return None


def _plain(name: str) -> str:
    return re.sub(r"[-_]", "", name.strip().lower())


def _vocabulary(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    return VOCABULARIES.get(plain, text.strip())


def _by_name(where: str) -> str:
    ending = Path(where).stem.rsplit("_", 1)[-1]
    return VOCABULARIES.get(re.sub(r"[^a-z0-9]", "", ending.lower()), "")


def _dotted(vocabulary: str, code: str) -> str:
    """A code of ICD-10 or OPCS-4 with its dot, as OMOP writes it."""
    if vocabulary in ("ICD10", "OPCS4") and len(code) > 3 and code[3] != ".":
        return f"{code[:3]}.{code[3:]}"
    return code
