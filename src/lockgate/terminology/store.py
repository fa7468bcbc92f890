"""A site's OMOP vocabulary: loaded from an Athena download or a folder of Parquet, read as views.

A site that has loaded none uses the demonstration set that ships with the package.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from lockgate.engine import Engine, SqlEngine, literal, quote
from lockgate.errors import UsageError
from lockgate.schema import OMOP, VOCABULARY_TABLES, Column
from lockgate.site import Site
from lockgate.site.files import atomic_dir, sha256_file, write_atomic
from lockgate.terminology.demo.tables import VERSION, demo_tables

REQUIRED = ("concept", "concept_relationship", "vocabulary")
INFO = "vocabulary.json"


@dataclass(frozen=True, slots=True)
class VocabularyInfo:
    """What a site's vocabulary is: where it came from, its version, and rows and SHA-256 of each table."""

    origin: str
    version: str
    rows: dict[str, int]
    sha256: dict[str, str]


def load(site: Site, source: Path, *, actor: str) -> VocabularyInfo:
    """Load an OMOP vocabulary into the site, in place of the one it has.

    ``source`` is an Athena zip, a folder of its tab-separated CSV files, or a folder of Parquet files with the
    same tables. Raises UsageError, naming file and column, for a missing table or column or a value that is
    none of its column's type; the old vocabulary stays then.
    """
    if not source.exists():
        raise UsageError(
            "there is no such file or folder", where=str(source), remedy="name an Athena zip or folder"
        )
    incoming = site.path / f".vocabulary-{secrets.token_hex(4)}"
    with _opened(source) as folder, Engine() as engine, atomic_dir(incoming) as target:
        found = _find_tables(folder, source)
        rows = {
            name: _write(engine, name, found[name], target) for name in VOCABULARY_TABLES if name in found
        }
        engine.view_parquet("v_concept", target / "concept.parquet")
        _check_concepts(engine, source)
        engine.view_parquet("v_vocabulary", target / "vocabulary.parquet")
        version = engine.rows(
            "SELECT max(vocabulary_version) FROM v_vocabulary WHERE vocabulary_id = 'None'"
        )[0][0]
        info = VocabularyInfo(
            source.name,
            version or "unknown",
            rows,
            {name: sha256_file(target / f"{name}.parquet") for name in rows},
        )
        write_atomic(target / INFO, json.dumps(asdict(info), indent=1).encode())
    retired = incoming.with_name(incoming.name + ".old")
    if site.vocabulary.exists():
        site.vocabulary.rename(retired)
    incoming.rename(site.vocabulary)
    shutil.rmtree(retired, ignore_errors=True)
    site.audit.append(
        "vocabulary.loaded", actor=actor, origin=info.origin, version=info.version, rows=info.rows
    )
    return info


def vocabulary_info(site: Site) -> VocabularyInfo:
    """What vocabulary the site uses."""
    path = site.vocabulary / INFO
    if path.exists():
        return VocabularyInfo(**json.loads(path.read_bytes()))
    rows = {name: table.num_rows for name, table in demo_tables().items()}
    return VocabularyInfo("demonstration set of the package", VERSION, rows, {})


def vocabulary_view(engine: SqlEngine, site: Site) -> dict[str, str]:
    """Make every vocabulary table readable; table name -> name of its view (``vocabulary_concept`` ...).

    Tables that the site's vocabulary lacks are empty views.
    """
    if not (site.vocabulary / INFO).exists():
        return demo_views(engine)
    names = {table: f"vocabulary_{table}" for table in VOCABULARY_TABLES}
    for table, view in names.items():
        path = site.vocabulary / f"{table}.parquet"
        engine.view_parquet(view, path if path.exists() else [], OMOP[table])
    return names


def demo_views(engine: SqlEngine) -> dict[str, str]:
    """The same of the demonstration set that ships with the package."""
    names = {table: f"vocabulary_{table}" for table in VOCABULARY_TABLES}
    demo = demo_tables()
    for table, view in names.items():
        if table in demo:
            engine.register(view, demo[table])
        else:
            engine.view_parquet(view, [], OMOP[table])
    return names


@contextmanager
def _opened(source: Path) -> Iterator[Path]:
    """A folder of the tables: the source itself, or its zip unpacked beside nothing else."""
    if source.is_dir():
        yield source
        return
    if not zipfile.is_zipfile(source):
        raise UsageError(
            "is neither a folder nor a whole zip archive",
            where=str(source),
            remedy="name an Athena zip or folder; download an archive that was cut off again",
        )
    with tempfile.TemporaryDirectory(prefix="lockgate-vocabulary-") as unpacked:
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                table = Path(member.filename).stem.lower()
                if table in VOCABULARY_TABLES and Path(member.filename).suffix.lower() in {
                    ".csv",
                    ".parquet",
                }:
                    target = Path(unpacked) / Path(member.filename).name
                    try:
                        with archive.open(member) as stream, target.open("wb") as out:
                            shutil.copyfileobj(stream, out)
                    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
                        raise UsageError(
                            "can't be unpacked: damaged, cut off or encrypted",
                            where=f"{source.name}: {member.filename}",
                            remedy="download the vocabulary again",
                        ) from error
        yield Path(unpacked)


def _find_tables(folder: Path, source: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in {".csv", ".parquet"} and path.stem.lower() in VOCABULARY_TABLES:
            found[path.stem.lower()] = path
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise UsageError(
            f"the vocabulary has no table {', '.join(missing)}",
            where=str(source),
            remedy="an Athena download holds CONCEPT.csv, CONCEPT_RELATIONSHIP.csv and VOCABULARY.csv",
        )
    return found


def _write(engine: Engine, name: str, path: Path, target: Path) -> int:
    """One table, typed and checked, as Parquet."""
    try:
        return _write_read(engine, name, path, target)
    except duckdb.Error as error:
        raise UsageError(
            "can't be read as a table: a row has more or fewer values than the header, or is no text",
            where=f"{path.name}{_odd_line(path)}",
            remedy="load the files as Athena gives them: tab-separated, with their header",
        ) from error


def _odd_line(path: Path) -> str:
    """ ":line" of the first row that has not as many values as the header, or is no UTF-8; "" where there is none."""
    values = None
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                count = line.decode().count("\t")
            except UnicodeDecodeError:
                return f":{number}"
            if count != (values := count if values is None else values):
                return f":{number}"
    return ""


def _write_read(engine: Engine, name: str, path: Path, target: Path) -> int:
    reader = (
        f"read_parquet({literal(path)})"
        if path.suffix.lower() == ".parquet"
        else f"read_csv({literal(path)}, delim='\t', quote='', escape='', header=true, all_varchar=true)"
    )
    present = {row[0].lower(): row[0] for row in engine.rows(f"DESCRIBE SELECT * FROM {reader}")}
    columns = OMOP[name]
    missing = [column.name for column in columns if column.name not in present]
    if missing:
        raise UsageError(
            f"column {', '.join(missing)} is missing",
            where=str(path.name),
            remedy="load the files as Athena gives them: tab-separated, with their header",
        )
    typed = ", ".join(f"{_typed(column, present[column.name])} AS {quote(column.name)}" for column in columns)
    for column in columns:
        raw = quote(present[column.name])
        if column.type == "VARCHAR":
            continue
        bad = engine.one(
            f"SELECT count(*) FROM {reader} WHERE {_typed(column, present[column.name])} IS NULL "
            f"AND ({str(column.required).lower()} OR ({raw} IS NOT NULL AND CAST({raw} AS VARCHAR) <> ''))"
        )
        if bad:
            raise UsageError(
                f"{bad} values of column {column.name} are no {column.type}",
                where=path.name,
                remedy="download the vocabulary again",
            )
    return engine.write_parquet(f"SELECT {typed} FROM {reader}", target / f"{name}.parquet")


def _typed(column: Column, present: str) -> str:
    raw = f"CAST({quote(present)} AS VARCHAR)"
    if column.type == "DATE":
        return f"coalesce(try_cast({raw} AS DATE), CAST(try_strptime({raw}, '%Y%m%d') AS DATE))"
    if column.type == "VARCHAR":
        return raw if column.required else f"nullif({raw}, '')"
    return f"try_cast({raw} AS {column.type})"


def _check_concepts(engine: Engine, source: Path) -> None:
    doubles = engine.one("SELECT count(*) - count(DISTINCT concept_id) FROM v_concept")
    standard = engine.one("SELECT count(*) FROM v_concept WHERE standard_concept = 'S'")
    if doubles:
        raise UsageError(f"{doubles} concept ids occur twice", where=str(source), remedy="download it again")
    if not standard:
        raise UsageError(
            "the vocabulary has no standard concept",
            where=str(source),
            remedy="choose standard vocabularies too (SNOMED, LOINC, RxNorm, UCUM) on athena.ohdsi.org",
        )
