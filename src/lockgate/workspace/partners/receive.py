"""A partner's delivery taken in: checked against the scope and the key, kept as it came, linked at every reading."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.identity.partner import exchanges, parcel
from lockgate.identity.partner.agreement import read_json
from lockgate.identity.partner.numbers import PROOFS
from lockgate.schema import PARTNER
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, spill_dir
from lockgate.workspace.partners.deliver import ADDED, open_result
from lockgate.workspace.partners.permission import Permitted, note, permitted
from lockgate.workspace.partners.places import delivered
from lockgate.workspace.partners.tables import link_table
from lockgate.workspace.scope import project_folder

_TYPES = {"VARCHAR": pa.string(), "DATE": pa.date32(), "DOUBLE": pa.float64(), "BIGINT": pa.int64()}


def receive(
    site: Site, project: str, name: str, path: Path, actor: str, *, matches: Path | None = None
) -> dict[str, Any]:
    """Take in a delivery, in the place of an earlier one of this partner; how many of its people are ours.

    Refused unless the scope in force permits to receive these tables by this method today, and the parcel is of this
    partner, for this site, of this exchange, under its key, whole, and newer than the one before.
    """
    held = permitted(site, project, name, direction="receive")
    agreed = exchanges.current(site, project, name)
    found = parcel.open_parcel(path, "delivery", held.partner.public_key)
    parcel.check_exchange(found.header, site, held.partner, agreed, str(path))
    method = str(found.header.get("method"))
    tables = [table for table in found.header["files"] if table != "people"]
    permitted(site, project, name, method=method, direction="receive", tables=tables)
    _check_columns(held, found, method, tables)
    place = delivered(site, project, name)
    _newer(place / "delivery", found)
    if method == "encodings":
        if matches is None:
            raise UsageError(
                "is needed: the delivery is by encodings",
                where="--matches",
                remedy="give the third party's result for this side",
            )
        result = open_result(site, held, matches)
        if result.header.get("match_id") != found.header.get("match_id"):
            raise Refused(
                "the delivery and the match result are of two matches",
                reasons=["their match numbers differ"],
                where=str(path),
                remedy="both sides use the result of the same `lockgate link match`",
            )
    limit = site.config.engine.memory_limit or None
    make_dir(project_folder(site, project))
    fresh = place.with_name(f"{place.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    with atomic_dir(fresh) as folder:
        _copy(found, folder / "delivery")
        if matches is not None and method == "encodings":
            _copy(parcel.open_matches(matches), folder / "matches")
        with Engine(memory_limit=limit, temp_dir=spill_dir(project_folder(site, project))) as engine:
            kept = parcel.open_parcel(folder / "delivery", "delivery", held.partner.public_key)
            counts = link_table(site, engine, held.scope, name, kept, "received_link")
            rows = {table: _linked_rows(engine, kept.table(table)) for table in tables}
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)
    flat = {f"{table}_{part}": count for table, parts in rows.items() for part, count in parts.items()}
    shown = note(
        site,
        "partner.received",
        actor,
        held,
        counts | flat,
        exchange_id=agreed.exchange_id,
        method=method,
        sha256=found.sha256,
    )
    return {
        "project": project,
        "partner": name,
        "method": method,
        "key_check": agreed.key_check,
        "counts": shown,
        "next": f"lockgate workspace provision {project}",
    }


def _check_columns(held: Permitted, found: parcel.Parcel, method: str, tables: list[str]) -> None:
    """Refused when a table has a column that is not permitted, or of another type, or lacks one that is required."""
    reasons = []
    if "people" not in found.header["files"]:
        reasons.append("it has no people")
    else:
        people = {"link"} | ({"pseudonym", *PROOFS} if method == "nhs_number" else {"match"})
        if (there := set(found.table("people").column_names)) != people:
            reasons.append(f"its people have the columns {', '.join(sorted(there))}")
    for table in tables:
        known = {column.name: column for column in PARTNER[table] if column.name not in ADDED}
        schema = found.table(table).schema
        allowed = set(held.linkage.tables[table]) & set(known)
        for field in schema:
            if field.name == "link":
                continue
            if field.name not in allowed:
                reasons.append(f"{table}.{field.name} is not permitted by the scope")
            elif field.type != _TYPES[known[field.name].type]:
                reasons.append(f"{table}.{field.name} is {field.type}, not {known[field.name].type}")
        lacking = {column.name for column in known.values() if column.required} | {"link"}
        reasons += [f"{table} lacks {column}" for column in sorted(lacking - set(schema.names))]
    if reasons:
        raise Refused("the delivery is not what the scope permits", reasons=reasons, where=str(found.path))


def _newer(before: Path, found: parcel.Parcel) -> None:
    """Refused when what is here was made later: an old delivery sent again would bring back who has left since."""
    if not (before / "header.json").is_file():
        return
    last = read_json(before / "header.json")
    if last.get("exchange_id") == found.header["exchange_id"] and str(last["created_at"]) > str(
        found.header["created_at"]
    ):
        raise Refused(
            "a newer delivery is here already",
            reasons=[f"this one was made on {str(found.header['created_at'])[:16]}"],
            where=str(found.path),
            remedy="ask the partner for a new one",
        )


def _copy(found: parcel.Parcel, folder: Path) -> None:
    """The header and the files it lists; nothing else that lay beside them."""
    make_dir(folder)
    for name in ["header.json", *(str(item["file"]) for item in found.header["files"].values())]:
        shutil.copyfile(found.path / name, folder / name)
        (folder / name).chmod(0o600)


def _linked_rows(engine: Engine, table: pa.Table) -> dict[str, int]:
    engine.register("received_table", table)
    linked = int(engine.one("SELECT count(*) FROM received_table SEMI JOIN received_link USING (link)"))
    return {"rows": table.num_rows, "linked": linked}
