"""Encodings under a scope: made of our own people or of a file, and matched by a third party who holds no key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.engine import Engine, quote
from lockgate.errors import Refused, UsageError
from lockgate.identity.partner import exchanges, parcel
from lockgate.identity.partner.encoding import Encoding, encode
from lockgate.identity.partner.matching import match_encodings
from lockgate.identity.partner.registry import spoken
from lockgate.site import Site
from lockgate.site.files import make_dir, sha256_file, spill_dir, write_atomic
from lockgate.workspace.partners import files
from lockgate.workspace.partners.ours import FIELDS, write_people
from lockgate.workspace.partners.permission import Permitted, note, permitted
from lockgate.workspace.partners.places import private
from lockgate.workspace.provisioning import choose_people
from lockgate.workspace.scope import project_folder, today

METHOD = "encodings"


def encode_people(
    site: Site, project: str, name: str, fields: list[str], out: Path, actor: str
) -> dict[str, Any]:
    """Encode whom the project may know, from the patient index: its cohort without those who opted out."""
    held = permitted(site, project, name, method=METHOD)
    unknown = [field for field in fields if field not in FIELDS]
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} is not in the patient index",
            where="--fields",
            remedy=f"one or more of {', '.join(FIELDS)}",
        )
    place = make_dir(private(site, project, name))
    people = place / ".people.parquet"
    try:
        with _engine(site, project) as engine:
            choose_people(site, engine, held.scope)
            count = write_people(engine, site, held.scope.release, fields, people)
            if not count:
                raise Refused("nobody is left to encode", reasons=["the cohort is empty"], where=project)
            chosen = {field: field for field in fields}
            made = encode(engine, people, "id", chosen, _key(site, project, name))
            engine.register("partner_rows", made.rows)
            rows = engine.arrow("""
                SELECT t.token, r.source, r.record_id FROM partner_rows t JOIN partner_record r USING (id)
                ORDER BY ALL""")
    finally:
        people.unlink(missing_ok=True)
    return _written(site, held, made, rows, out, actor, {"people": count})


def encode_file(
    site: Site,
    project: str,
    name: str,
    path: Path,
    ident: str,
    mapping: Mapping[str, str],
    out: Path,
    actor: str,
    *,
    opt_outs: Path | None = None,
) -> dict[str, Any]:
    """Encode a file of this side's people, one row each, without those who opted out here or in a file of opt-outs."""
    held = permitted(site, project, name, method=METHOD)
    place = make_dir(private(site, project, name))
    kept = place / ".people.parquet"
    try:
        with _engine(site, project) as engine:
            columns = files.view(engine, path, "partner_people")
            files.need(columns, [ident, *mapping.values()], path)
            number = mapping.get("nhs_number", "")
            files.objections(engine, site, held.scope.kind, today(site), opt_outs, numbered=bool(number))
            tests = [f"trim(CAST({quote(ident)} AS VARCHAR)) IN (SELECT nhs FROM partner_objection)"]
            tests += [
                f"nhs_number_clean(CAST({quote(number)} AS VARCHAR)) IN (SELECT nhs FROM partner_objection)"
            ] * bool(number)
            # NULL is in no list, so NOT coalesce(..)
            out_of = " OR ".join(f"coalesce({test}, false)" for test in tests)
            total = int(engine.one("SELECT count(*) FROM partner_people"))
            left = engine.write_parquet(f"SELECT * FROM partner_people WHERE NOT ({out_of})", kept)
            if not left:
                raise Refused(
                    "nobody is left to encode", reasons=["all in the file opted out"], where=str(path)
                )
            made = encode(engine, kept, ident, mapping, _key(site, project, name))
            rows = made.rows.set_column(0, "id", made.rows["id"].cast(pa.string()))
    finally:
        kept.unlink(missing_ok=True)
    return _written(site, held, made, rows, out, actor, {"rows": total, "opted_out": total - left})


def _engine(site: Site, project: str) -> Engine:
    limit = site.config.engine.memory_limit or None
    return Engine(memory_limit=limit, temp_dir=spill_dir(make_dir(project_folder(site, project))))


def _key(site: Site, project: str, name: str) -> bytes:
    return exchanges.current(site, project, name).subkey("encodings")


def _written(
    site: Site, held: Permitted, made: Encoding, rows: pa.Table, out: Path, actor: str, counts: dict[str, int]
) -> dict[str, Any]:
    """The parcel, and which token is of whom in the identifiable zone; the report."""
    project, name = held.scope.project, held.partner.name
    agreed = exchanges.current(site, project, name)
    header = parcel.header_of(site, held.partner, agreed, "encodings", METHOD) | {
        "scheme": made.report["scheme"],
        "fields": made.report["fields"],
        "blocks": made.report["blocks"],
        "until": held.linkage.until.isoformat(),
    }
    parcel.write(out, header, {"encodings": made.table}, site)
    place = private(site, project, name)
    fresh = place / ".rows.partial"
    pq.write_table(rows, fresh, compression="zstd")
    fresh.chmod(0o600)
    fresh.replace(place / "rows.parquet")
    digest = sha256_file(out / "header.json")
    write_atomic(
        place / "sent.json",
        json.dumps({"encodings_sha256": digest, "exchange_id": agreed.exchange_id}).encode(),
    )
    counts |= {"records": made.report["records"]}
    shown = note(
        site,
        "partner.encoded",
        actor,
        held,
        counts,
        exchange_id=agreed.exchange_id,
        key_check=agreed.key_check,
        sha256=digest,
    )
    return {
        "out": str(out),
        "project": project,
        "partner": name,
        "key_check": agreed.key_check,
        "counts": shown,
        **{part: made.report[part] for part in ("fields", "left_out", "blocks", "scheme")},
    }


def match(left: Path, right: Path, out: Path, site: Site | None = None, actor: str = "") -> dict[str, Any]:
    """What the third party does: links two sides' encodings, and writes one result for each side.

    Needs no key and no site; where there is one, the step goes into its audit chain. Each result holds that side's own
    tokens with the number of their match, and nothing of the other side's.
    """
    parcels = [parcel.open_parcel(path, "encodings") for path in (left, right)]
    heads = [one.header for one in parcels]
    parcel.same_key(*heads)
    if out.exists():
        raise UsageError("is there already", where=str(out), remedy="give --out a new folder")
    tables = [_usable(one) for one in parcels]
    found = match_encodings(*tables)
    order = np.random.default_rng().permutation(len(found.left))
    match_id = parcel.digest([one.sha256 for one in parcels], found.left, found.right)
    written = {}
    for side, table, rows, mine in zip(
        ("left", "right"), tables, (found.left, found.right), range(2), strict=True
    ):
        body = pa.table(
            {
                "token": table["token"].take(pa.array(rows)),
                "match": pa.array(order, pa.int64()),
                "distance": pa.array(found.distance),
            }
        ).sort_by("match")
        header = {
            "kind": "matches",
            "exchange_id": heads[mine]["exchange_id"],
            "key_check": heads[mine]["key_check"],
            "to": heads[mine]["from"],
            "with": heads[1 - mine]["from"],
            "method": METHOD,
            "match_id": match_id,
            "encodings_sha256": parcels[mine].sha256,
            "threshold": found.report["threshold"],
        }
        written[side] = str(parcel.write(out / side, header, {"matches": body}))
    if site is not None:
        site.audit.append(
            "partner.matched",
            actor=actor,
            exchange_id=heads[0]["exchange_id"],
            match_id=match_id,
            encodings=[one.sha256 for one in parcels],
        )
    return {
        "rows": [table.num_rows for table in tables],
        **found.report,
        "match_id": match_id,
        "for": {
            side: {"folder": written[side], "key": spoken(bytes.fromhex(heads[mine]["from"]))}
            for mine, side in enumerate(("left", "right"))
        },
    }


def _usable(one: parcel.Parcel) -> pa.Table:
    """The encodings of a parcel; Refused when they are not what the header's scheme makes."""
    table = one.table("encodings")
    reasons = []
    width = int(one.header["scheme"]["bits"]) // 8
    if not {"token", "encoding"} <= set(table.column_names):
        reasons.append("it has no columns token and encoding")
    else:
        if table.schema.field("encoding").type != pa.binary(width):
            reasons.append(f"its encodings have not {width} bytes")
        if table["encoding"].null_count or table["token"].null_count:
            reasons.append("some rows have no token or no encoding")
        if len(set(table["token"].to_pylist())) < table.num_rows:
            reasons.append("some tokens are repeated")
        if not table.num_rows:
            reasons.append("it is empty")
    if reasons:
        raise Refused("the encodings can't be used", reasons=reasons, where=str(one.path))
    return table
