"""The checks that OHDSI's threshold files ask for: a folder of them, or the copy that is packed with the product.

The files are those of the Data Quality Dashboard (inst/csv): OMOP_CDMvV_{Check_Descriptions,Table_Level,Field_Level,
Concept_Level}.csv. A check type has a filter on the columns of its level's file; each row that passes is a check.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from lockgate.errors import UsageError
from lockgate.quality.model import Check

VERSIONS = ("5.3", "5.4")
LEVELS = ("Table", "Field", "Concept")
# The Dashboard leaves out the vocabulary's own tables unless told otherwise.
EXCLUDED = frozenset(
    [
        "CONCEPT",
        "VOCABULARY",
        "CONCEPT_ANCESTOR",
        "CONCEPT_RELATIONSHIP",
        "CONCEPT_CLASS",
        "CONCEPT_SYNONYM",
        "RELATIONSHIP",
        "DOMAIN",
    ]
)
# The columns that each type reads beside its own and its threshold.
PARAMETERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("TABLE", "cdmTable"): (),
    ("TABLE", "measurePersonCompleteness"): (),
    ("TABLE", "measureConditionEraCompleteness"): (),
    ("TABLE", "measureObservationPeriodOverlap"): (),
    ("FIELD", "cdmField"): (),
    ("FIELD", "isRequired"): (),
    ("FIELD", "cdmDatatype"): (),
    ("FIELD", "isPrimaryKey"): (),
    ("FIELD", "isForeignKey"): ("fkTableName", "fkFieldName"),
    ("FIELD", "fkDomain"): ("fkDomain",),
    ("FIELD", "fkClass"): ("fkClass",),
    ("FIELD", "isStandardValidConcept"): (),
    ("FIELD", "measureValueCompleteness"): (),
    ("FIELD", "standardConceptRecordCompleteness"): (),
    ("FIELD", "sourceConceptRecordCompleteness"): (),
    ("FIELD", "sourceValueCompleteness"): ("standardConceptFieldName",),
    ("FIELD", "plausibleValueLow"): ("plausibleValueLow", "cdmDatatype"),
    ("FIELD", "plausibleValueHigh"): ("plausibleValueHigh", "cdmDatatype"),
    ("FIELD", "plausibleTemporalAfter"): (
        "plausibleTemporalAfterTableName",
        "plausibleTemporalAfterFieldName",
    ),
    ("FIELD", "plausibleDuringLife"): (),
    ("FIELD", "withinVisitDates"): (),
    ("FIELD", "plausibleAfterBirth"): (),
    ("FIELD", "plausibleBeforeDeath"): (),
    ("FIELD", "plausibleStartBeforeEnd"): ("plausibleStartBeforeEndFieldName",),
    ("CONCEPT", "plausibleGender"): ("plausibleGender",),
    ("CONCEPT", "plausibleGenderUseDescendants"): ("plausibleGenderUseDescendants",),
    ("CONCEPT", "plausibleUnitConceptIds"): ("plausibleUnitConceptIds",),
}
_TEST = re.compile(r"\s*(\w+)\s*(==|!=)\s*'([^']*)'\s*")
_NAMED = re.compile(r"@(\w+)")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The checks of a CDM version, and the specified type of each field (``{TABLE: {field: type}}``)."""

    version: str
    checks: tuple[Check, ...]
    types: Mapping[str, Mapping[str, str]]
    source: str


def load(version: str, folder: Path | None = None) -> Thresholds:
    """The checks of a CDM version, "5.3" or "5.4": from a folder of threshold files, else from the packed copy.

    Raises UsageError when a file is missing, or asks for what isn't understood: nothing is left out in silence.
    """
    if version not in VERSIONS:
        raise UsageError(
            f"no thresholds for CDM {version}", where="--cdm", remedy=f"one of {', '.join(VERSIONS)}"
        )
    if folder is not None:
        names = {path.name.lower(): path for path in folder.iterdir()} if folder.is_dir() else {}

        def read(kind: str) -> list[dict[str, str]]:
            name = f"OMOP_CDMv{version}_{kind}.csv"
            if name.lower() not in names:
                raise UsageError(
                    f"there is no {name}",
                    where=str(folder),
                    remedy="name a folder of OHDSI's threshold files",
                )
            text = names[name.lower()].read_text(encoding="utf-8-sig", errors="replace")
            return _rows(text.splitlines(keepends=True))

        source = str(folder)
    else:
        packed = files("lockgate.quality") / "dqd" / f"cdm{version}.csv.gz"
        told = list(csv.reader(io.StringIO(gzip.decompress(packed.read_bytes()).decode())))
        parts: dict[str, list[list[str]]] = {}
        for kind, *cells in told:
            parts.setdefault(kind, []).append(cells)

        def read(kind: str) -> list[dict[str, str]]:
            header, *rows = parts[kind]
            return [dict(zip(header, row, strict=False)) for row in rows]

        source = "OHDSI Data Quality Dashboard 2.8.4"
    fields = read("Field_Level")
    rows = {"TABLE": read("Table_Level"), "FIELD": fields, "CONCEPT": read("Concept_Level")}
    types: dict[str, dict[str, str]] = {}
    for row in fields:
        types.setdefault(row["cdmTableName"].upper(), {})[row["cdmFieldName"].lower()] = row["cdmDatatype"]
    checks = tuple(check for kind in read("Check_Descriptions") for check in _expand(kind, rows, source))
    return Thresholds(version, checks, types, source)


def _rows(lines: Iterable[str]) -> list[dict[str, str]]:
    return [{key: value or "" for key, value in row.items() if key} for row in csv.DictReader(lines)]


def _expand(
    kind: Mapping[str, str], rows: Mapping[str, list[dict[str, str]]], source: str
) -> Iterator[Check]:
    """The checks of one type: the rows of its level's file that pass its filter."""
    level, name = kind["checkLevel"].upper(), kind["checkName"]
    if (level, name) not in PARAMETERS:
        raise UsageError(
            f"the check type {name} ({level}) is not one of the Data Quality Dashboard 2.8.4",
            where=source,
            remedy="take its line out of the Check_Descriptions file, or write it as a check of the site's own",
        )
    tests = [_test(part, kind["evaluationFilter"], source) for part in kind["evaluationFilter"].split("&")]
    for row in rows[level]:
        table = row["cdmTableName"].upper()
        if table in EXCLUDED or not all(
            (row.get(column, "") == value) is equal and (equal or column in row)
            for column, equal, value in tests
        ):
            continue
        yield Check(
            name=name,
            level=level,
            table=table,
            field=row.get("cdmFieldName", ""),
            concept_id=row.get("conceptId", ""),
            unit_concept_id=row.get("unitConceptId", ""),
            threshold=_number(row.get(f"{name}Threshold", ""), f"{name}Threshold", table, source),
            parameters={each: row.get(each, "") for each in PARAMETERS[level, name]},
            category=kind["kahnCategory"],
            subcategory=kind["kahnSubcategory"],
            context=kind["kahnContext"],
            severity=kind.get("severity", ""),
            description=_NAMED.sub(
                lambda found, row=row: row.get(found[1], found[0]),  # type: ignore[misc]
                " ".join(kind["checkDescription"].split()),
            ),
            notes=row.get(f"{name}Notes", ""),
        )


def _test(part: str, whole: str, source: str) -> tuple[str, bool, str]:
    found = _TEST.fullmatch(part)
    if not found:
        raise UsageError(f"the filter {whole!r} is not understood", where=source)
    return found[1], found[2] == "==", found[3]


def _number(text: str, column: str, table: str, source: str) -> float | None:
    if text.strip() in ("", "NA"):
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"{column} of {table} is no number", where=source, remedy="a percentage, such as 5"
        ) from None


def pack(version: str, folder: Path, out: Path) -> None:
    """Write the packed copy of a version's files: the columns that are read, as one gzipped CSV.

    ``python -m lockgate.quality.thresholds FOLDER`` writes it for each version; the bytes depend on the files only.
    """
    needed = {name for parameters in PARAMETERS.values() for name in parameters}
    named = {name for _, name in PARAMETERS}
    needed |= named | {f"{name}{end}" for name in named for end in ("Threshold", "Notes")}
    needed |= {"cdmTableName", "cdmFieldName", "cdmDatatype", "conceptId", "conceptName", "unitConceptId"}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for kind in ("Check_Descriptions", *(f"{level}_Level" for level in LEVELS)):
        path = folder / f"OMOP_CDMv{version}_{kind}.csv"
        rows = _rows(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(keepends=True))
        header = [name for name in rows[0] if kind == "Check_Descriptions" or name in needed]
        writer.writerow([kind, *header])
        writer.writerows([kind, *(row[name] for name in header)] for row in rows)
    out.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    import sys

    for each in VERSIONS:
        pack(each, Path(sys.argv[1]), Path(__file__).parent / "dqd" / f"cdm{each}.csv.gz")
