"""What partners delivered, linked to our people of today: as views that provisioning reads like a release's tables."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.engine import Engine, literal, quote
from lockgate.errors import LockgateError, UsageError
from lockgate.identity.partner import exchanges, numbers, parcel
from lockgate.identity.partner.agreement import read_json
from lockgate.identity.partner.registry import read_partner
from lockgate.schema import PARTNER
from lockgate.site import Site
from lockgate.site.files import sha256_file
from lockgate.workspace.extract import relation
from lockgate.workspace.partners.ours import index_table, numbers_table
from lockgate.workspace.partners.permission import linkage_problems
from lockgate.workspace.partners.places import delivered, private
from lockgate.workspace.scope import Scope
from lockgate.workspace.scope.model import PartnerLinkage


def standing(site: Site, scope: Scope) -> list[tuple[PartnerLinkage, Path]]:
    """The linkages of a scope that hold today and under whose key something was delivered."""
    found = []
    for linkage in scope.partners:
        folder = delivered(site, scope.project, linkage.partner) / "delivery"
        if linkage.direction != "receive" or not (folder / "header.json").is_file():
            continue
        try:
            partner = read_partner(site, linkage.partner)
            agreed = exchanges.current(site, scope.project, linkage.partner)
        except LockgateError:
            continue  # no partner or no key any more: nothing of theirs is shown
        header = read_json(folder / "header.json")
        if (
            not linkage_problems(site, linkage, partner)
            and header.get("exchange_id") == agreed.exchange_id
            and header.get("method") in linkage.methods
        ):
            found.append((linkage, folder))
    return found


def delivered_now(site: Site, scope: Scope) -> dict[str, str]:
    """The SHA-256 of what stands of each partner: where it changes, the project's data is made anew."""
    return {linkage.partner: sha256_file(folder / "header.json") for linkage, folder in standing(site, scope)}


def partner_views(site: Site, engine: Engine, scope: Scope) -> list[str]:
    """Make a view for each table that a scope may see of its partners; the tables' names.

    Rows are those of people whom the index of today links; the columns those permitted. A table that was permitted
    and not delivered has no rows. Refused when a delivery is not as it was received.
    """
    parts: dict[str, list[str]] = {}
    for linkage in scope.partners:
        if linkage.direction == "receive":
            for table in linkage.tables:
                parts.setdefault(table, [])
    for number, (linkage, folder) in enumerate(standing(site, scope)):
        partner = read_partner(site, linkage.partner)
        found = parcel.open_parcel(folder, "delivery", partner.public_key)
        link_table(site, engine, scope, linkage.partner, found, f"partner_link_{number}")
        for table, columns in linkage.tables.items():
            if table in found.header["files"]:
                path = found.path / f"{table}.parquet"
                parts[table].append(_select(linkage.partner, table, columns, path, f"partner_link_{number}"))
    for table, selects in parts.items():
        empty = ", ".join(f"CAST(NULL AS {column.type}) AS {quote(column.name)}" for column in PARTNER[table])
        body = " UNION ALL ".join(selects) if selects else f"SELECT {empty} WHERE false"
        engine.execute(f"CREATE OR REPLACE TEMP VIEW {relation(table)} AS {body}")
    return list(parts)


def _select(name: str, table: str, columns: tuple[str, ...], path: Path, link: str) -> str:
    there = set(pq.read_schema(path).names)
    values = {"person_id": "l.person_id", "partner": literal(name)}
    shown = ", ".join(
        f"CAST({_value(column.name, columns, there, values)} AS {column.type}) AS {quote(column.name)}"
        for column in PARTNER[table]
    )
    return f"SELECT {shown} FROM read_parquet({literal(path)}) t JOIN {link} l USING (link)"


def _value(name: str, columns: tuple[str, ...], there: set[str], added: dict[str, str]) -> str:
    if name in added:
        return added[name]
    return f"t.{quote(name)}" if name in columns and name in there else "NULL"


def link_table(
    site: Site, engine: Engine, scope: Scope, name: str, found: parcel.Parcel, out: str
) -> dict[str, int]:
    """Make ``out`` (link, person_id): whom of ours each of a delivery's people is. Counts of the people.

    By NHS number: equal pseudonyms, and birth dates that agree in two parts of three where both sides have one. By
    encodings: the third party's match. One of the partner's people whom several of ours could be is linked to none.
    """
    people = found.table("people")
    engine.register("delivered_people", people)
    if found.header["method"] == "nhs_number":
        key = exchanges.current(site, scope.project, name).subkey("nhs-number")
        numbers_table(engine, site, scope.release)
        engine.register("our_numbers", numbers.pseudonyms(engine, "partner_numbers", key))
        engine.execute(f"""
            CREATE OR REPLACE TEMP TABLE {out} AS
            SELECT d.link, o.id AS person_id FROM delivered_people d JOIN our_numbers o USING (pseudonym)
            WHERE {numbers.agree_sql("d", "o")}""")
        same = int(
            engine.one("SELECT count(*) FROM delivered_people d SEMI JOIN our_numbers o USING (pseudonym)")
        )
        linked = int(engine.one(f"SELECT count(*) FROM {out}"))
        return {"people": people.num_rows, "linked": linked, "birth_date_differs": same - linked}
    index_table(engine, site, scope.release)
    result = parcel.open_matches(found.path.parent / "matches")
    engine.register("match_result", result.table("matches"))
    engine.register("match_rows", _rows(private(site, scope.project, name) / "rows.parquet"))
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE {out} AS
        SELECT d.link, any_value(i.person_id) AS person_id
        FROM delivered_people d JOIN match_result m USING (match) JOIN match_rows r USING (token)
        JOIN partner_index i USING (source, record_id)
        GROUP BY d.link HAVING count(DISTINCT i.person_id) = 1""")
    linked = int(engine.one(f"SELECT count(*) FROM {out}"))
    return {"people": people.num_rows, "linked": linked, "ambiguous": people.num_rows - linked}


def _rows(path: Path) -> pa.Table:
    with contextlib.suppress(OSError):
        rows = pq.read_table(path)
        if "source" in rows.column_names:
            return rows
    raise UsageError(
        "which record each encoding stands for is not known here",
        where=str(path),
        remedy="encode the patient index with `lockgate link encode PROJECT PARTNER`, and match again",
    )
