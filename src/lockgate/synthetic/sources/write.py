"""Which sources are written, and the truth of what they hold: who each record is, which rows capture must hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.errors import UsageError
from lockgate.synthetic.sources import community, hes, imaging, laboratory, mental_health
from lockgate.synthetic.sources.extract import Extract
from lockgate.synthetic.sources.hl7v2 import write_feed
from lockgate.synthetic.sources.known import Known
from lockgate.synthetic.strings import picked, strings
from lockgate.synthetic.tables.csvfile import write_csv
from lockgate.synthetic.tables.files import Tables
from lockgate.synthetic.world import World

TABLES = (
    "incidents",
    "feedback",
    "tissue",
    "primary_care",
    "deaths",
    "staffing",
    "opt_outs",
    "ai_reads",
    "postcodes",
)
DEFAULT = ("fhir", *TABLES)
MORE = (
    "hl7v2",
    "hes",
    "pathology",
    "microbiology",
    "radiology",
    "lfpse",
    "fft_comments",
    "rosters",
    "mental_health",
    "social_care",
    "genomic_samples",
)
CHOICES = (*DEFAULT, *MORE)


def choose_sources(text: str) -> frozenset[str]:
    """What ``--sources`` means: ``default``, ``all``, or names parted by commas. Raises UsageError for another name."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {"default": DEFAULT, "all": CHOICES, **{name: (name,) for name in CHOICES}}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError(
            f"no source is called {', '.join(unknown)}" if unknown else "no source is named",
            remedy=f"choose all, default, or some of {', '.join(CHOICES)}",
        )
    return frozenset(source for name in names for source in known[name])


@dataclass
class Sources:
    """What was written besides FHIR and the demo's tables."""

    rows: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    planted: list[dict[str, object]] = field(default_factory=list)
    linkage: list[pa.Table] = field(default_factory=list)

    def held(self, file: str, line: int, reason: str) -> None:
        """Note a row that capture must hold back."""
        self.planted.append({"file": file, "line": line, "reason": reason})

    def tell(
        self, world: World, source: str, records: pa.Array, who: np.ndarray, known: Known | None
    ) -> None:
        """Note whose record each is, once each, and in what it differs from the hospital's own."""
        there = pc.is_valid(records).to_numpy(zero_copy_only=False) & (who >= 0)
        rows = np.flatnonzero(there)
        differs = strings(known.differs if known else [""] * len(world.people))
        table = pa.table(
            {
                "source": pa.repeat(pa.scalar(source, pa.large_string()), len(rows)),
                "record_id": picked(records, rows),
                "patient_id": picked(world.people.patient_id, who[rows]),
                "differs": picked(differs, who[rows]),
            }
        )
        self.linkage.append(table.group_by(list(table.column_names)).aggregate([]))


def _made(world: World, chosen: frozenset[str], tables: Tables) -> dict[str, Extract]:
    """Every extract that was asked for, by contract."""
    single: dict[str, Callable[[], Extract]] = {
        "pathology": lambda: laboratory.pathology(world),
        "microbiology": lambda: laboratory.microbiology(world),
        "radiology": lambda: imaging.radiology(world),
        "genomic_samples": lambda: imaging.genomic_samples(world),
        "lfpse": lambda: community.lfpse(world, tables.written["incidents"]),
        "fft_comments": lambda: community.fft_comments(world),
        "rosters": lambda: community.rosters(world, tables.shifts),
        "social_care": lambda: community.social_care(world),
    }
    made = {name: make() for name, make in single.items() if name in chosen}
    made |= hes.extracts(world) if "hes" in chosen else {}
    made |= mental_health.extracts(world) if "mental_health" in chosen else {}
    return made


def write_sources(world: World, tables: Tables, out: Path, chosen: frozenset[str]) -> Sources:
    """Write the chosen of ``MORE`` below ``out``: extracts into tables/, messages into hl7v2/."""
    result = Sources()
    for contract, extract in _made(world, chosen, tables).items():
        name = f"{contract}.{extract.suffix}"
        (out / "tables").mkdir(exist_ok=True)
        path = out / "tables" / name
        result.rows[contract] = write_csv(path, extract.columns, extract.delimiter)
        for row, reason in sorted(extract.planted):
            result.held(f"tables/{name}", row + 2, reason)
        if extract.who is not None and extract.person is not None:
            result.tell(world, extract.source, extract.person, extract.who, extract.known)
    if "hl7v2" in chosen:
        feed = write_feed(world, out / "hl7v2")
        result.messages = feed.rows
        for file, line, reason in feed.planted:
            result.held(file, line, reason)
        records = strings([record for record, _ in feed.named])
        result.tell(
            world, "hl7v2", records, np.array([who for _, who in feed.named], dtype=np.int64), feed.known
        )
    return result


def write_linkage(
    world: World, tables: Tables, sources: Sources, chosen: frozenset[str], folder: Path
) -> int:
    """``linkage.parquet``: whose each source's records of people are, by the ids they are staged under; how many."""
    people = world.people
    every = np.arange(len(people))
    if "fhir" in chosen:
        sources.tell(world, "epr", people.patient_id, every, None)
    for source, names in {
        "incidents": ("hospital_number", "nhs_number"),
        "tissue": ("hospital_number", "nhs_number"),
        "primary_care": ("nhs_number",),
        "deaths": ("nhs_number",),
    }.items():
        if source in chosen:
            table = tables.written[source]
            named = pc.coalesce(*(table.columns[name] for name in names))
            sources.tell(world, source, named, table.patient, None)
    if not sources.linkage:
        return 0
    found = pa.concat_tables(sources.linkage).sort_by([("source", "ascending"), ("record_id", "ascending")])
    pq.write_table(found, folder / "linkage.parquet", compression="zstd")
    return int(found.num_rows)


def write_planted(sources: Sources, folder: Path) -> int:
    """``planted.jsonl``: each row or message of these sources that capture must hold back, and why; how many."""
    lines = [json.dumps(one) + "\n" for one in sources.planted]
    if lines:
        (folder / "planted.jsonl").write_text("".join(lines), encoding="utf-8")
    return len(lines)
