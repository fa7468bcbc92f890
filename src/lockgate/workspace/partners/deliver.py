"""Tables on their way to a partner: under the exchange's pseudonyms or match numbers, without those who opted out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.engine import Engine, quote
from lockgate.errors import Refused, UsageError
from lockgate.identity.partner import exchanges, numbers, parcel
from lockgate.schema import PARTNER, Column
from lockgate.site import Site
from lockgate.site.files import make_dir, spill_dir
from lockgate.workspace.partners import files
from lockgate.workspace.partners.permission import Permitted, note, permitted
from lockgate.workspace.partners.places import private
from lockgate.workspace.scope import project_folder, today

# Set by the receiver: whose row it is, and who sent it.
ADDED = ("person_id", "partner")


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one delivery: the people (one row each) and the tables of their events, under the same ids."""

    people: Path
    ident: str
    tables: Sequence[tuple[str, Path]]
    nhs_number: str = ""
    birth_date: str = ""
    opt_outs: Path | None = None
    matches: Path | None = None


def send(site: Site, project: str, name: str, source: Source, out: Path, actor: str) -> dict[str, Any]:
    """Write the delivery of tables for a partner.

    By NHS number, or by the match result of a third party where one is given. Refused without a scope that permits to
    send these tables by this method, where opt-outs can't be applied, or when a value does not fit its column.
    """
    method = "encodings" if source.matches else "nhs_number"
    held = permitted(
        site, project, name, method=method, direction="send", tables=[table for table, _ in source.tables]
    )
    agreed = exchanges.current(site, project, name)
    if out.exists():
        raise UsageError("is there already", where=str(out), remedy="give --out a new folder")
    if not source.tables:
        raise UsageError("names no table", where="--table", remedy="--table primary_care_event=FILE")
    limit = site.config.engine.memory_limit or None
    with Engine(memory_limit=limit, temp_dir=spill_dir(make_dir(project_folder(site, project)))) as engine:
        counts = _people(site, engine, held, source)
        more: dict[str, Any] = {}
        if source.matches:
            people, more = _matched(site, engine, held, source.matches)
        else:
            people = _numbered(engine, source, agreed.subkey("nhs-number"))
        counts["linkable"] = people.num_rows
        bodies: dict[str, pa.Table] = {"people": people}
        account: dict[str, Any] = {}
        for table, path in source.tables:
            bodies[table], account[table] = _table(engine, held, source, table, path)
    header = parcel.header_of(site, held.partner, agreed, "delivery", method) | more
    header |= {"until": held.linkage.until.isoformat()}
    parcel.write(out, header, bodies, site)
    sent = {f"{table}_rows": int(one["sent"]) for table, one in account.items()}
    shown = note(
        site, "partner.sent", actor, held, counts | sent, exchange_id=agreed.exchange_id, method=method
    )
    return {
        "out": str(out),
        "project": project,
        "partner": name,
        "method": method,
        "key_check": agreed.key_check,
        "counts": shown,
        "tables": account,
    }


def _people(site: Site, engine: Engine, held: Permitted, source: Source) -> dict[str, int]:
    """Make ``sent_people`` (id, nhs, birth_date) of those who did not opt out; how many there were."""
    columns = files.view(engine, source.people, "partner_people")
    files.need(
        columns,
        [name for name in (source.ident, source.nhs_number, source.birth_date) if name],
        source.people,
    )
    if not (source.nhs_number or source.matches):
        raise UsageError(
            "is not said",
            where="--nhs-number",
            remedy="name its column, or give --matches for a match by encodings",
        )
    number = f"CAST({quote(source.nhs_number)} AS VARCHAR)" if source.nhs_number else "NULL"
    born = f"CAST({quote(source.birth_date)} AS VARCHAR)" if source.birth_date else "NULL"
    files.objections(
        engine,
        site,
        held.scope.kind,
        today(site),
        source.opt_outs,
        numbered=bool(source.nhs_number),
    )
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE all_people AS
        SELECT trim(CAST({quote(source.ident)} AS VARCHAR)) AS id, nhs_number_clean({number}) AS nhs,
               TRY_CAST({born} AS DATE) AS birth_date, {born} AS birth_text FROM partner_people""")
    rows, without, distinct, unread = engine.rows("""
        SELECT count(*), count(*) - count(nullif(id, '')), count(DISTINCT nullif(id, '')),
               count(*) FILTER (nullif(trim(birth_text), '') IS NOT NULL AND birth_date IS NULL) FROM all_people""")[
        0
    ]
    if without or distinct < rows:
        raise UsageError(
            f"column {source.ident} is no identifier: {without:,} of {rows:,} rows have none, "
            f"{rows - without - distinct:,} repeat another's",
            where=str(source.people),
            remedy="--id needs a column with another value in every row",
        )
    if unread:
        raise Refused(
            f"{unread:,} of {rows:,} dates of birth can't be read",
            reasons=[f"column {source.birth_date} holds values that are no YYYY-MM-DD"],
            where=str(source.people),
            remedy="write dates as YYYY-MM-DD, or leave them empty",
        )
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE sent_people AS SELECT * FROM all_people
        WHERE NOT coalesce(nhs IN (SELECT nhs FROM partner_objection), false)
          AND id NOT IN (SELECT nhs FROM partner_objection WHERE nhs IS NOT NULL)""")
    kept = int(engine.one("SELECT count(*) FROM sent_people"))
    if not kept:
        raise Refused(
            "nobody is left to send", reasons=["all in the file opted out"], where=str(source.people)
        )
    return {"people": rows, "opted_out": rows - kept}


def _numbered(engine: Engine, source: Source, key: bytes) -> pa.Table:
    """The people under their pseudonyms, in random order; makes ``sent_link`` (id, link). A number that several
    people of the file have links none of them."""
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE numbered AS
        SELECT * FROM sent_people WHERE nhs_number_valid(nhs)
        QUALIFY count(*) OVER (PARTITION BY nhs) = 1""")
    made = numbers.pseudonyms(engine, "numbered", key)
    if not made.num_rows:
        raise Refused(
            "nobody can be linked",
            reasons=[f"column {source.nhs_number} holds no valid NHS number that is one person's"],
            where=str(source.people),
            remedy="link by encodings instead (`lockgate link encode`)",
        )
    return _linked(engine, made)


def _matched(site: Site, engine: Engine, held: Permitted, path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """The people whom the third party matched, by the number of their match; makes ``sent_link``."""
    found = open_result(site, held, path)
    engine.register("match_result", found.table("matches"))
    rows = private(site, held.scope.project, held.partner.name) / "rows.parquet"
    engine.register("match_rows", pq.read_table(rows))
    if "id" not in pq.read_schema(rows).names:
        raise Refused(
            "what was encoded here was the patient index, not a file",
            reasons=["its matches have no ids of a file"],
            where=str(path),
            remedy="encode the file of people with `lockgate link encode PROJECT PARTNER FILE`",
        )
    made = engine.arrow("""
        SELECT p.id, m.match FROM match_result m JOIN match_rows r USING (token)
        JOIN sent_people p ON p.id = trim(CAST(r.id AS VARCHAR)) ORDER BY ALL""")
    if not made.num_rows:
        raise Refused(
            "nobody was matched", reasons=["the match result holds none of these people"], where=str(path)
        )
    return _linked(engine, made), {"match_id": found.header["match_id"]}


def _linked(engine: Engine, made: pa.Table) -> pa.Table:
    """The people with a random number each in the place of their id."""
    link = np.random.default_rng().permutation(made.num_rows).astype(np.int64) + 1
    engine.register("sent_link", pa.table({"id": made["id"], "link": link}))
    return made.set_column(0, "link", pa.array(link)).sort_by("link")


def open_result(site: Site, held: Permitted, path: Path) -> parcel.Parcel:
    """The third party's result for this side; Refused unless it is of the encodings that this side sent last."""
    project, name = held.scope.project, held.partner.name
    found = parcel.open_matches(path)
    header, reasons = found.header, []
    try:
        sent = json.loads((private(site, project, name) / "sent.json").read_bytes())
    except (OSError, ValueError):
        sent = {}
    if header.get("to") != site.public_key.hex():
        reasons.append("it is for the other side")
    elif header.get("encodings_sha256") != sent.get("encodings_sha256"):
        reasons.append("it is not of the encodings that were last made here")
    agreed = exchanges.current(site, project, name)
    if header.get("exchange_id") != agreed.exchange_id or header.get("key_check") != agreed.key_check:
        reasons.append("it belongs to another exchange or key")
    if reasons:
        raise Refused(
            "the match result is not for what was encoded here",
            reasons=reasons,
            where=str(path),
            remedy="the third party's result has a folder for each side; encode and match again if in doubt",
        )
    return found


def _table(
    engine: Engine, held: Permitted, source: Source, table: str, path: Path
) -> tuple[pa.Table, dict[str, Any]]:
    """One table as it goes over, and where each of its rows went."""
    columns = files.view(engine, path, "partner_table")
    wanted = [
        column
        for column in PARTNER[table]
        if column.name in held.linkage.tables[table] and column.name not in ADDED
    ]
    files.need(columns, [source.ident, *(column.name for column in wanted if column.required)], path)
    there = [column for column in wanted if column.name in columns]
    reasons = [problem for column in there if (problem := _misfit(engine, column))]
    if reasons:
        raise Refused(
            f"{path.name} does not fit {table}",
            reasons=reasons,
            where=str(path),
            remedy="dates as YYYY-MM-DD, numbers with a point; required columns may not be empty",
        )
    ident = f"trim(CAST({quote(source.ident)} AS VARCHAR))"
    values = "".join(f", CAST({_text(column)} AS {column.type}) AS {quote(column.name)}" for column in there)
    rows, known, kept = engine.rows(f"""
        SELECT count(*), count(*) FILTER ({ident} IN (SELECT id FROM all_people)),
               count(*) FILTER ({ident} IN (SELECT id FROM sent_people)) FROM partner_table""")[0]
    body = engine.arrow(
        f"SELECT l.link{values} FROM partner_table t JOIN sent_link l ON l.id = {ident} ORDER BY ALL"
    )
    return body, {
        "rows": rows,
        "of_nobody_in_people": rows - known,
        "opted_out": known - kept,
        "not_linkable": kept - body.num_rows,
        "sent": body.num_rows,
        "columns_left_out": sorted(set(columns) - {column.name for column in there} - {source.ident}),
    }


def _text(column: Column) -> str:
    return f"nullif(trim(CAST({quote(column.name)} AS VARCHAR)), '')"


def _misfit(engine: Engine, column: Column) -> str:
    """How a column's values don't fit its type, in words; empty when they do."""
    value = _text(column)
    wrong, empty = engine.rows(
        f"SELECT count(*) FILTER ({value} IS NOT NULL AND TRY_CAST({value} AS {column.type}) IS NULL), "
        f"count(*) FILTER ({value} IS NULL) FROM partner_table"
    )[0]
    if wrong:
        return f"{column.name}: {wrong:,} values are no {column.type}"
    return f"{column.name}: {empty:,} rows have none" if column.required and empty else ""
