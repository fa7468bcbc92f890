"""Where dictionaries come from: the site's OMOP vocabularies, a folder of them, a CSV of one's own, an OBO ontology."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from lockgate.concepts.dictionary import Entry
from lockgate.engine import Engine, SqlEngine, literal
from lockgate.errors import UsageError
from lockgate.schema import OMOP, VOCABULARY_TABLES

DOMAINS = ("Condition", "Procedure", "Drug")
VOCABULARIES = ("SNOMED", "RxNorm", "RxNorm Extension", "OMOP Extension", "dm+d")
_SYNONYM = re.compile(r'synonym: "((?:[^"\\]|\\.)*)" (EXACT|RELATED|NARROW|BROAD)')


def from_folder(
    folder: Path, domains: Sequence[str] = DOMAINS, vocabularies: Sequence[str] = VOCABULARIES
) -> list[Entry]:
    """The names of the concepts of a folder of OMOP vocabulary tables, and what UK notes call them.

    The tables are Parquet, or Athena's tab-separated CSV files. UsageError where there is no such folder, or none of
    its files is a CONCEPT table.
    """
    with Engine(threads=2) as engine:
        folder_views(engine, folder)
        return from_views(engine, domains, vocabularies)


def folder_views(engine: Engine, folder: Path | None) -> None:
    """The views ``vocabulary_*`` over a folder's tables; without a folder they are empty."""
    files: dict[str, Path] = {}
    if folder is not None:
        if not folder.is_dir():
            raise UsageError(
                "there is no such folder", where=str(folder), remedy="name a folder of OMOP tables"
            )
        files = {
            path.stem.lower(): path
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in (".csv", ".parquet")
        }
        if "concept" not in files:
            raise UsageError(
                "holds no concept table",
                where=str(folder),
                remedy="an Athena download has CONCEPT.csv; or CONCEPT.parquet",
            )
    for table in VOCABULARY_TABLES:
        _view(engine, table, files.get(table))


def _view(engine: Engine, table: str, path: Path | None) -> None:
    name = f"vocabulary_{table}"
    if path is None:
        engine.view_parquet(name, [], OMOP[table])
        return
    reader = (
        f"read_parquet({literal(path)})"
        if path.suffix.lower() == ".parquet"
        else f"read_csv({literal(path)}, delim='\t', quote='', escape='', header=true, all_varchar=true)"
    )
    there = {name.lower() for name in engine.columns(f"SELECT * FROM {reader}")}
    columns = ", ".join(
        f"CAST({column.name if column.name in there else 'NULL'} AS "
        f"{'VARCHAR' if column.type in ('DATE', 'VARCHAR') else column.type}) AS {column.name}"
        for column in OMOP[table]
    )
    engine.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT {columns} FROM {reader}")


def from_views(engine: SqlEngine, domains: Sequence[str], vocabularies: Sequence[str]) -> list[Entry]:
    """The entries of the views ``vocabulary_*`` of an engine, our own words for their concepts among them."""
    sql = resources.files(__package__).joinpath("terms.sql").read_text(encoding="utf-8")
    for name, chosen in (("$domains", domains), ("$vocabularies", vocabularies)):
        sql = sql.replace(name, ", ".join(literal(one) for one in chosen) or "''")
    rows = engine.rows("\n".join(line for line in sql.splitlines() if not line.startswith("--")))
    entries = [
        Entry(term, int(to), int(own), "", domain or "", int(rank))
        for term, to, own, domain, rank in rows
        if term
    ]
    return entries + _own_words(engine)


def _own_words(engine: SqlEngine) -> list[Entry]:
    codes = _synonyms()
    listed = ", ".join(literal(code) for _, code in codes)
    rows = engine.rows(
        "SELECT vocabulary_id, concept_code, concept_id, domain_id FROM vocabulary_concept "
        f"WHERE standard_concept = 'S' AND concept_code IN ({listed}) ORDER BY concept_id"
    )
    return [
        Entry(term, int(concept), int(concept), "", domain or "", 1)
        for vocabulary, code, concept, domain in rows
        for term in codes.get((vocabulary, code), ())
    ]


@cache
def _synonyms() -> dict[tuple[str, str], tuple[str, ...]]:
    lines = resources.files(__package__).joinpath("synonyms.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {(row["vocabulary_id"], row["concept_code"]): tuple(row["words"].split("|")) for row in rows}


def concept_ids(engine: SqlEngine, codes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The concept of each (vocabulary, code) that the views ``vocabulary_*`` know."""
    if not codes:
        return {}
    listed = ", ".join(literal(code) for _, code in codes)
    rows = engine.rows(
        f"SELECT vocabulary_id, concept_code, concept_id FROM vocabulary_concept WHERE concept_code IN ({listed})"
    )
    wanted = set(codes)
    return {(v, c): int(concept) for v, c, concept in rows if (v, c) in wanted}


def from_file(path: Path) -> list[Entry]:
    """A dictionary file: a CSV with a header, or an OBO ontology such as HPO's ``hp.obo``."""
    if path.suffix.lower() == ".obo":
        return list(_from_obo(path))
    return list(_from_csv(path))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"is not UTF-8 at byte {error.start}", where=str(path), remedy="save it as UTF-8"
        ) from error


def _from_csv(path: Path) -> Iterator[Entry]:
    """Columns: term, and concept_id or code (or both); source_concept_id and domain where there are any."""
    reader = csv.DictReader(_lines(path))
    names = [(name or "").strip().lower() for name in reader.fieldnames or []]
    if "term" not in names or not {"concept_id", "code"} & set(names):
        raise UsageError(
            "has no columns term and concept_id (or code)",
            where=f"{path}:1",
            remedy="begin it with the line: term,concept_id,code",
        )
    reader.fieldnames = names
    for number, row in enumerate(reader, 2):
        term = (row.get("term") or "").strip()
        if not term or None in row:
            raise UsageError(
                "has no term" if not term else "has more cells than the header",
                where=f"{path}:{number}",
                remedy="one term a line; a term with a comma in double quotes",
            )
        concept, source = (
            _number(row.get(name), path, number, name) for name in ("concept_id", "source_concept_id")
        )
        code = (row.get("code") or "").strip()
        if re.search(r"[;=\s]", code):
            raise UsageError(
                "the code has a blank, ';' or '='", where=f"{path}:{number}", remedy="write it without"
            )
        yield Entry(term, concept, source or concept, code, (row.get("domain") or "").strip(), -1)


def _number(value: str | None, path: Path, line: int, name: str) -> int:
    value = (value or "").strip()
    if not value:
        return 0
    if not re.fullmatch(r"\d{1,18}", value):
        raise UsageError(
            f"{name} is no whole number", where=f"{path}:{line}", remedy="an OMOP concept id, or nothing"
        )
    return int(value)


def _from_obo(path: Path) -> Iterator[Entry]:
    """Names and exact synonyms of the terms of an OBO file that are not obsolete, by their id."""
    code, names, gone, inside = "", list[str](), False, False
    for line in [*_lines(path), "[End]"]:
        if line.startswith("["):
            if inside and code and not gone:
                for rank, name in enumerate(names):
                    yield Entry(name, 0, 0, code, "Condition", min(rank, 1))
            code, names, gone, inside = "", [], False, line.strip() == "[Term]"
        elif line.startswith("id: "):
            code = line[4:].strip()
        elif line.startswith("name: "):
            names.insert(0, line[6:].strip())
        elif line.startswith("is_obsolete: true"):
            gone = True
        elif (found := _SYNONYM.match(line)) and found[2] == "EXACT":
            names.append(found[1].replace('\\"', '"'))
