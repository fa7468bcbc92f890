"""A site's own OMOP database: a folder of CDM 5.3 or 5.4 tables, each by its contract ``omop_<table>``.

The tables of facts become staged rows like those of any other source, so that opt-outs, pseudonyms, scrubbing and the
accounts hold for them too. Tables that a release makes anew are passed over, by name and with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lockgate.capture.batches import CaptureResult
from lockgate.capture.lines import SourceFile, blocks, find_files
from lockgate.capture.tabular import SUFFIXES, LoadedContract, capture_file, contracts, read_rows
from lockgate.capture.tabular.parquetfile import is_parquet
from lockgate.errors import UsageError
from lockgate.schema import VOCABULARY_TABLES
from lockgate.site import Site

# People first, then visits and their parts: what refers to them finds them there.
FIRST = ("care_site", "provider", "person", "visit_occurrence", "visit_detail")

PASSED_OVER = {
    "observation_period": "a release makes it anew, from what it carries",
    "condition_era": "a release makes it anew, from its conditions",
    "drug_era": "a release makes it anew, from its drug exposures",
    "dose_era": "not carried into a release",
    "cdm_source": "a release says itself where it comes from",
    "location": "a person's area comes from the postcodes of other sources",
    "note_nlp": "found in notes before they were scrubbed",
    "fact_relationship": "not carried into a release",
    "payer_plan_period": "not carried into a release",
    "cost": "not carried into a release",
    "episode": "not carried into a release",
    "episode_event": "not carried into a release",
    "metadata": "not carried into a release",
    "cohort": "not carried into a release",
    "cohort_definition": "not carried into a release",
    **dict.fromkeys(VOCABULARY_TABLES, "load it with `lockgate vocabulary load`"),
}


@dataclass(frozen=True, slots=True)
class OmopResult:
    """What became of a folder: one result for each table that was taken, and file -> reason for the others."""

    tables: dict[str, CaptureResult]
    passed_over: dict[str, str]


def capture_omop(site: Site, folder: Path | str, *, source: str = "omop", actor: str) -> OmopResult:
    """Capture a folder of OMOP CDM 5.3 or 5.4 tables (Parquet, CSV or tab-separated; plain or .gz), a batch for each.

    All headers are checked before anything is captured. Raises UsageError where the folder has no ``person`` table or
    a table twice, Refused where a table lacks a column that it must have.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError("no such folder", where=str(folder), remedy="name the folder of the OMOP tables")
    files, others = find_files(folder, SUFFIXES)
    found: dict[str, SourceFile] = {}
    passed_over = dict.fromkeys(others, "no table")
    for file in files:
        table = file.path.name.split(".")[0].lower()
        if f"omop_{table}" not in contracts():
            passed_over[file.name] = PASSED_OVER.get(table, "no table of the OMOP CDM that is known here")
        elif table in found:
            raise UsageError(
                f"the table {table} is there twice",
                where=str(folder),
                remedy=f"keep one of {found[table].name} and {file.name}",
            )
        else:
            found[table] = file
    if "person" not in found:
        raise UsageError(
            "there is no person table", where=str(folder), remedy="name a folder with person.parquet or .csv"
        )
    agreed = {table: _agreed(table, file) for table, file in found.items()}
    for table, file in found.items():
        next(read_rows(file, agreed[table].contract, [], chunk_bytes=1), None)
    order = sorted(found, key=lambda table: (FIRST.index(table) if table in FIRST else len(FIRST), table))
    return OmopResult(
        {table: capture_file(site, agreed[table], found[table].path, source, actor) for table in order},
        dict(sorted(passed_over.items())),
    )


def _agreed(table: str, file: SourceFile) -> LoadedContract:
    """The table's contract, with tabs between values where the header has them."""
    loaded = contracts()[f"omop_{table}"]
    if is_parquet(file):
        return loaded
    try:
        head = next(blocks(file.path), b"").split(b"\n", 1)[0]
    except OSError:
        return loaded  # the reader says what is wrong with it
    if b"\t" not in head:
        return loaded
    return loaded.model_copy(update={"contract": loaded.contract.model_copy(update={"delimiter": "\t"})})
