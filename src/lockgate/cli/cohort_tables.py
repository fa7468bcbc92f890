"""``lockgate cohort attrition``: counts about definitions, through disclosure control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.markup import escape
from rich.table import Table

from lockgate.cli.common import console, emit, open_site
from lockgate.cohorts.attrition import attrition as lose
from lockgate.cohorts.charts import attrition_charts
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.explain.names import concept_ids, told_names
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.library import Library
from lockgate.cohorts.omop import open_omop, readable
from lockgate.cohorts.people import people_table
from lockgate.cohorts.reads import asked_absent
from lockgate.cohorts.shown import NOTES, Row, safe_attrition
from lockgate.disclosure import DEFAULT_RULES, Rules
from lockgate.engine import SqlEngine, open_engine
from lockgate.errors import LockgateError, UsageError
from lockgate.site.settings.data import EngineSection
from lockgate.terminology.search import concepts_by_id

IN_LIBRARY = "library:"
Omop = Annotated[Path, typer.Option(help="A folder of OMOP CDM 5.3 or 5.4 tables: TABLE.parquet each.")]
RulesFile = Annotated[
    Path | None, typer.Option(help="A YAML or JSON file of output rules (threshold, rounding).")
]
TrueCounts = Annotated[
    Path | None,
    typer.Option(help="Also write the true counts here (Parquet): for those who may see rows, not to leave."),
]
Charts = Annotated[Path | None, typer.Option(help="A folder to write charts to (SVG).")]


def read_one(path: Path) -> tuple[str, Definition]:
    """The only definition of a file and its name, or that of ``library:NAME@VERSION``; UsageError for several."""
    if str(path).startswith(IN_LIBRARY):
        entry = Library(open_site()).resolve(str(path).removeprefix(IN_LIBRARY))
        return entry.title, entry.definition
    read = read_definitions(path)
    if len(read) != 1:
        raise UsageError(
            f"there are {len(read)} definitions in it", where=str(path), remedy="name the file of one of them"
        )
    return read[0][2].name or path.stem, read[0][2]


def known_names(path: Path, definition: Definition) -> dict[int, str]:
    """Names of the concepts of a definition that ``read_one`` read: those in its own file, and before them those of the
    site's vocabulary, where the command runs in a site that has one."""
    if str(path).startswith(IN_LIBRARY):
        text = Library(open_site()).resolve(str(path).removeprefix(IN_LIBRARY)).text.encode()
    else:
        text = path.read_bytes() if path.is_file() else b""
    names = told_names(text)
    try:
        site = open_site()
    except LockgateError:
        return names
    found = concepts_by_id(site, set(concept_ids(definition)))
    return names | {number: concept.name for number, concept in found.items() if concept.name}


def asked_for(told: Mapping[str, Sequence[int]], omop: Path) -> str:
    """What definitions ask for and a folder doesn't have, in a sentence; nothing where it has all."""
    if not told:
        return ""
    each = (
        f"{name} (definition {', '.join(map(str, n[:5]))}{', ...' if len(n) > 5 else ''})"
        for name, n in told.items()
    )
    return (
        f"Asked for, but not in {omop}, so that nobody has any and whoever is asked to have none does: "
        f"{'; '.join(each)}"
    )


def chosen_rules(path: Path | None) -> Rules:
    """The output rules of a file, else the house's."""
    return Rules.load(path) if path else DEFAULT_RULES


@contextmanager
def opened(omop: Path) -> Iterator[tuple[SqlEngine, list[str]]]:
    """An engine with the folder's tables, and what the folder doesn't have."""
    section = EngineSection(engine="duckdb", memory_limit="4GB", threads=2)
    with readable(omop), open_engine(section) as engine:
        yield engine, open_omop(engine, omop)


def check_out(*files: Path | None, folder: Path | None = None) -> None:
    """UsageError before any work is done where a file, or a folder of files, can't be written."""
    for file in files:
        if file is not None and (file.is_dir() or not file.parent.is_dir()):
            reason = "it is a folder" if file.is_dir() else "its folder doesn't exist"
            raise UsageError(reason, where=str(file), remedy="name a file in a folder that there is")
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError("it is a file", where=str(folder), remedy="name a folder")


def write_charts(folder: Path | None, charts: dict[str, str]) -> list[Path]:
    """Write SVGs by name; the paths."""
    if folder is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, svg in charts.items():
        paths.append(folder / f"{name}.svg")
        paths[-1].write_text(svg, encoding="utf-8")
    return paths


def told(count: int | None) -> str:
    """A count as it may be shown, on a terminal."""
    return "[c]" if count is None else f"{count:,}"


def attrition(
    omop: Omop,
    definition: Annotated[Path, typer.Option(help="The file of one definition, or library:NAME.")],
    rules: RulesFile = None,
    charts: Charts = None,
    true_counts: TrueCounts = None,
) -> None:
    """Say whom each rule of a definition loses: in order and by itself, by sex, age, ethnicity and deprivation.

    For those who hold the data: two answers are not held against each other, as `cohort ask` does for a project.
    Small counts are withheld ([c]), with what would give them away; the others are rounded. "Not stated" is a group of
    its own. Deprivation is that of the release's person_deprivation table.
    """
    check_out(true_counts, folder=charts)
    name, told_definition = read_one(definition)
    policy = chosen_rules(rules)
    with opened(omop) as (engine, absent):
        people, lacking = people_table(engine, omop)
        found = lose(engine, told_definition, people)
    rows = safe_attrition(found, policy)
    if true_counts is not None:
        pq.write_table(pa.Table.from_pylist(found.rows()), true_counts, compression="zstd")
    asked = asked_absent([(1, told_definition)], absent)
    drawn = write_charts(
        charts, {f"attrition_{k}": v for k, v in attrition_charts(rows, name).items()} if charts else {}
    )

    def human() -> None:
        for dimension in found.splits:
            console.print(_table(dimension, [row for row in rows if row.dimension == dimension]))
        for line in (*NOTES, *(f"Not told: {text}" for text in lacking)):
            console.print(escape(line))
        if asked:
            console.print(escape(asked_for(asked, omop)))
        for path in drawn:
            console.print(f"Written: {path}")

    emit(
        {
            "definition": name,
            "rules": {"threshold": policy.threshold, "rounding": policy.rounding},
            "steps": [{"step": step.name, "kind": step.kind} for step in found.steps],
            "rows": [row.as_dict() for row in rows],
            "notes": list(NOTES),
            "absent": [*absent, *lacking],
            "asked_absent": sorted(asked),
            "charts": drawn,
        },
        human,
    )


def _table(dimension: str, rows: list[Row]) -> Table:
    table = Table(title=dimension.capitalize(), title_justify="left")
    for heading in ("Group", "Step", "Lost", "Remain", "Pass it alone"):
        table.add_column(heading, justify="left" if heading in ("Group", "Step") else "right")
    for row in rows:
        cells: list[Any] = [
            row.group if row.place == 0 else "",
            f"{row.place}. {row.step}" if row.place else row.step,
            "" if row.place == 0 else told(row.lost),
            told(row.remaining),
            told(row.alone) if row.asked_alone else "",
        ]
        table.add_row(*(escape(str(cell)) for cell in cells))
    return table
