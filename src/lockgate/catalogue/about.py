"""The pages "About the data": what is in a release, as tables and charts that may be public.

``about.yaml`` says what is told. Each table leaves through the disclosure core with its totals, so that small counts,
and what would give them away, are withheld, and all others rounded; then it is held against the tables before it and
the questions that were answered (``about_joint``). What is told is kept in the ledger, so that later questions are
judged beside it. Rates are worked out from what is shown.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from lockgate.catalogue.about_joint import Joint, ToTell
from lockgate.catalogue.counts import NOT_KNOWN, find_unwilling, willing_view
from lockgate.catalogue.feedback import themes_of, write_page
from lockgate.characterise.catalogue import columns_read
from lockgate.curate import Release, open_release
from lockgate.disclosure import Rules, render_chart, safe_count
from lockgate.disclosure.ledger import Ledger
from lockgate.disclosure.manifest import HIDDEN, ChartEntry, ColumnSpec
from lockgate.disclosure.network import Ints
from lockgate.disclosure.tables import Numbers, Table, write_csv
from lockgate.engine import Engine, literal
from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, remove_leftovers
from lockgate.terminology.ethnicity import ETHNICITY

EVENT = "characterisation.published"
SCHEMA = "lockgate.about/1"
FACTS = "about.json"
RATE = "per_1000"
EACH = 5  # concepts of a kind of event that are told by year, age and sex
_KINDS = {
    "condition_occurrence": ("conditions", "condition_start_date", "condition_concept_id"),
    "drug_exposure": ("drugs", "drug_exposure_start_date", "drug_concept_id"),
    "device_exposure": ("devices", "device_exposure_start_date", "device_concept_id"),
    "measurement": ("measurements", "measurement_date", "measurement_concept_id"),
    "death": ("deaths", "death_date", "cause_concept_id"),
    "procedure_occurrence": ("procedures", "procedure_date", "procedure_concept_id"),
    "observation": ("observations", "observation_date", "observation_concept_id"),
}


@dataclass(frozen=True)
class About:
    """The published pages of one release: ``facts`` is about.json."""

    release: str
    path: Path
    facts: dict[str, Any]


def about_dir(site: Site) -> Path:
    """Where the pages are published: ``register/about/``."""
    return site.register / "about"


def publish_about(site: Site, number: str = "latest", *, actor: str) -> About:
    """Tell what is in a release, in the place of what was told of it before.

    Who objects to any use is not counted. Refused when the release has fewer people than the threshold.
    """
    release = open_release(site, number)
    rules = Rules(threshold=site.config.disclosure.threshold, rounding=site.config.disclosure.rounding)
    settings = site.config.engine
    with Engine(memory_limit=settings.memory_limit or None, threads=settings.threads or None) as engine:
        find_unwilling(engine, site, release)
        _views(engine, release)
        everybody = safe_count(int(engine.one("SELECT count(*) FROM person")), rules)
        if not isinstance(everybody, int) or everybody == 0:
            raise Refused(
                "the release has too few people to be described",
                reasons=[f"fewer than {rules.threshold} people"],
                where=f"release {release.number}",
            )
        ledger = Ledger(site)
        people = np.asarray(
            engine.arrow("SELECT person_id FROM person ORDER BY 1").column(0).to_numpy(), np.int64
        )
        places = ledger.places(people)
        engine.register("places", pa.table({"person_id": people, "place": places}))
        joint = Joint(int(places.max()) + 1, rules, ledger.answered(), ledger.published())
        place = about_dir(site) / release.number
        fresh = make_dir(about_dir(site), public=True) / f".{release.number}.new"
        remove_leftovers(about_dir(site))
        shutil.rmtree(fresh, ignore_errors=True)
        with atomic_dir(fresh, public=True) as folder:
            pages, withheld = _pages(engine, rules, everybody, folder, joint)
            facts = {
                "schema": SCHEMA,
                "release": release.number,
                "created_at": release.manifest["created_at"],
                "people": everybody,
                "rules": {"threshold": rules.threshold, "rounding": rules.rounding},
                "pages": [*pages, *_comments(engine, release, rules, folder)],
                "withheld": withheld,
            }
            (folder / FACTS).write_text(
                json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        ledger.publish(f"about-{release.number}", joint.families, actor=actor)
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
    site.audit.append(EVENT, actor=actor, release=release.number)
    return About(release.number, place, facts)


def list_abouts(site: Site) -> list[About]:
    """What is published, the newest release first."""
    folder = about_dir(site)
    if not folder.is_dir():
        return []
    found = [
        About(path.name, path, json.loads((path / FACTS).read_bytes()))
        for path in folder.iterdir()
        if not path.name.startswith(".")
    ]
    return sorted(found, key=lambda item: [int(part) for part in item.release.split(".")], reverse=True)


def open_about(site: Site, number: str = "latest") -> About:
    """What is published of one release; UsageError when nothing is."""
    for item in list_abouts(site):
        if number in ("latest", item.release):
            return item
    raise UsageError(
        "nothing is published about release " + number if number != "latest" else "nothing is published",
        where=str(about_dir(site)),
        remedy="`lockgate characterise --release NUMBER` publishes it",
    )


def _views(engine: Engine, release: Release) -> None:
    """The tables of the CDM without the rows of ``unwilling``, and what ``about.yaml`` reads beside them."""
    for table, columns in columns_read().items():
        there: list[str] = []
        if release.tables.get(table) is not None:
            willing_view(engine, f"r_{table}", release.table_path(table))
            there = engine.columns(f"SELECT * FROM r_{table}")
        told = ", ".join(
            f"CAST({name if name in there else 'NULL'} AS {kind}) AS {name}" for name, kind in columns.items()
        )
        engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT {told}"
            + (f" FROM r_{table}" if there else " WHERE FALSE")
        )
    willing_view(engine, "r_concept", release.table_path("concept"))
    cases = " ".join(f"WHEN {literal(code)} THEN {literal(label)}" for code, label in ETHNICITY.items())
    text = resources.files(__package__).joinpath("about.sql").read_text("utf-8")
    for statement in text.replace("{ethnicity}", f"{cases} ELSE {literal(NOT_KNOWN)}").split(";"):
        engine.execute(statement)


def _pages(
    engine: Engine, rules: Rules, everybody: int, folder: Path, joint: Joint
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write every table and chart, and say what each page has; and the titles of tables that are withheld whole.

    A page without a table is left out. A table of one concept that is withheld isn't named: the name would tell that
    the concept is among the commonest.
    """
    shown: dict[str, Table] = {}
    pages, withheld = [], []
    for name, page in _told()["pages"].items():
        tables = []
        for told in _tables(engine, page):
            safe = joint.table(told)
            if safe is None:
                if told.cells and "concept" not in told.spec:
                    withheld.append(told.spec["title"])
                continue
            if told.spec.get("top"):
                _by_size(safe)
            if "per" in told.spec:
                _add_rate(safe, shown.get(told.spec["per"]), everybody)
            shown[told.name] = safe
            (folder / f"{told.name}.csv").write_text(write_csv(safe), encoding="utf-8")
            (folder / f"{told.name}.svg").write_text(_chart(told, safe), encoding="utf-8")
            tables.append(
                {
                    "name": told.name,
                    "title": safe.entry.title,
                    "by": told.spec["by"],
                    "notes": safe.entry.done,
                }
            )
        if tables:
            pages.append({"name": name, "title": page["title"], "lede": page["lede"], "tables": tables})
    return pages, withheld


def _comments(engine: Engine, release: Release, rules: Rules, folder: Path) -> list[dict[str, Any]]:
    """The page of themes of comments, where the release has comments of which anything may be told."""
    found = themes_of(engine, release, rules)
    return [write_page(found, folder)] if found and found.tables else []


def _told() -> Any:
    return yaml.safe_load(resources.files(__package__).joinpath("about.yaml").read_text("utf-8"))


def _tables(engine: Engine, page: dict[str, Any]) -> Iterator[ToTell]:
    """The tables of a page with who is in each cell: nothing here may be shown as it is."""
    for name, spec in page.get("tables", {}).items():
        sql = spec["sql"]
        for word, made in (
            ("{records}", _records),
            ("{records_by_year}", _by_year),
            ("{unmapped}", _unmapped),
        ):
            sql = sql.replace(word, made()) if word in sql else sql
        yield ToTell(name, spec, _members(engine, spec["by"], sql))
    if "events" not in page:
        return
    table, every = page["events"], _told()
    spec, (_, day, concept) = every["events"]["commonest"], _KINDS[table]
    short = table.partition("_")[0]
    title = spec["title"].format(what=page["title"].lower())
    sql = spec["sql"].format(table=table, concept=concept)
    yield ToTell(f"{short}_commonest", {**spec, "title": title}, _members(engine, spec["by"], sql))
    first = engine.rows(
        f"SELECT n.concept, n.label FROM {table} AS t JOIN names AS n ON n.concept = t.{concept}"
        f" WHERE t.{concept} <> 0 GROUP BY 1, 2 ORDER BY count(DISTINCT t.person_id) DESC, n.concept LIMIT {EACH}"
    )
    for number, label in sorted(first, key=lambda row: str(row[1])):
        for part, each in every["each"].items():
            sql = each["sql"].format(table=table, concept=concept, day=day, number=number)
            name = f"{short}_{number}_{part}".replace("-", "m")
            told = {**each, "title": each["title"].format(label=label), "concept": number}
            yield ToTell(name, told, _members(engine, each["by"], sql))


def _members(engine: Engine, by: list[str], sql: str) -> dict[tuple[str, ...], Ints]:
    """Who is in each cell, as places of the ledger; the cells in their order."""
    labels = [f"l{number}" for number in range(len(by))]
    named = ", ".join(labels)
    rows = engine.rows(
        f"SELECT {named}, list(DISTINCT p.place) FROM ({sql}) AS t ({named}, person_id, o)"
        f" JOIN places AS p ON p.person_id = t.person_id GROUP BY {named} ORDER BY min(t.o), {named}"
    )
    return {tuple(map(str, row[:-1])): np.array(row[-1], dtype=np.int64) for row in rows}


def _records() -> str:
    """Who has a record of each kind, and who hasn't."""
    return " UNION ALL ".join(
        f"SELECT {literal(kind)}, 'with', person_id, {2 * place} FROM {table} UNION ALL "
        f"SELECT {literal(kind)}, 'without', p.person_id, {2 * place + 1} FROM person AS p "
        f"ANTI JOIN {table} AS t ON t.person_id = p.person_id"
        for place, (table, (kind, _, _)) in enumerate(_KINDS.items())
    )


def _by_year() -> str:
    return " UNION ALL ".join(
        f"SELECT CAST(year({day}) AS VARCHAR), {literal(kind)}, person_id, year({day}) FROM {table} "
        f"WHERE {day} IS NOT NULL"
        for table, (kind, day, _) in _KINDS.items()
    )


def _unmapped() -> str:
    told = {"visit_occurrence": ("visits", "", "visit_concept_id")} | _KINDS
    return " UNION ALL ".join(
        f"SELECT {literal(kind.capitalize())}, person_id, {place} FROM {table} WHERE {concept} = 0"
        for place, (table, (kind, _, concept)) in enumerate(told.items())
        if table != "death"
    )


def _by_size(table: Table) -> None:
    """Put the rows of a table without totals in the order of what is shown: the true order would tell more."""
    people = table.counts["people"]
    order = sorted(
        range(len(table.keys)),
        key=lambda row: (people.hidden[row], -int(people.values[row]), table.keys[row]),
    )
    table.keys[:] = [table.keys[row] for row in order]
    people.values[:] = people.values[order]
    people.hidden[:] = people.hidden[order]


def _add_rate(table: Table, of: Table | None, everybody: int) -> None:
    """People per 1,000 of those in another table with the same labels (of everybody without one), as shown."""
    known: dict[tuple[str, ...], int] = {}
    if of is not None:
        counts = of.counts["people"]
        known = {
            key: int(n)
            for key, n, hidden in zip(of.keys, counts.values, counts.hidden, strict=True)
            if not hidden
        }
    people = table.counts["people"]
    rates = []
    for key, n, hidden in zip(table.keys, people.values, people.hidden, strict=True):
        base = everybody if of is None else known.get(key, 0)
        rates.append(float("nan") if hidden or not base else round(1000 * int(n) / base, 1))
    missing = np.isnan(np.array(rates))
    table.figures[RATE] = Numbers(
        np.array(rates),
        missing,
        [HIDDEN if gone else f"{rate:g}" for rate, gone in zip(rates, missing, strict=True)],
    )
    table.entry.columns.append(ColumnSpec(name=RATE, role="statistic", n="people"))


def _chart(told: ToTell, safe: Table) -> str:
    spec = told.spec
    rate = RATE in safe.figures and bool(safe.figures[RATE].shown.any())
    x = spec.get("x", spec["by"][0])
    chart = ChartEntry(
        kind="chart",
        name=f"{told.name}_chart",
        table=told.name,
        mark=spec["mark"],
        x=x,
        y=RATE if rate else "people",
        colour=spec.get("colour"),
        title=safe.entry.title[:300],
        x_title=x.replace("_", " ").capitalize(),
        y_title="People per 1,000" if rate else "People",
        zero=True,
    )
    return render_chart(chart, safe)
