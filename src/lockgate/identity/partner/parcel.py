"""What goes from one organisation to another: a folder of Parquet files and the signed header that lists them.

``header.json``, version ``lockgate.exchange/1``: what kind of parcel it is, from which key to which, of which exchange,
under which key (its check value), with which method, and each file's SHA-256, rows and columns.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.errors import Refused, UsageError
from lockgate.identity.partner.agreement import Agreement, canonical, read_json, seal, unseal
from lockgate.identity.partner.registry import Partner, spoken
from lockgate.site import Site
from lockgate.site.files import PRIVATE_FILE, atomic_dir, sha256_file

SCHEMA = "lockgate.exchange/1"
KINDS = {
    "encodings": "encodings, for whoever matches them",
    "matches": "a match result",
    "delivery": "a delivery of tables",
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel whose header was checked and whose files are as the header says."""

    path: Path
    header: dict[str, Any]

    def table(self, name: str) -> pa.Table:
        """One of its tables."""
        return pq.read_table(self.path / f"{name}.parquet")

    @property
    def sha256(self) -> str:
        """The SHA-256 of the header file."""
        return sha256_file(self.path / "header.json")


def write(out: Path, header: dict[str, Any], tables: dict[str, pa.Table], site: Site | None = None) -> Path:
    """Write a parcel, signed when there is a site to sign it. UsageError when ``out`` is there already."""
    if out.exists():
        raise UsageError("is there already", where=str(out), remedy="give --out a new folder")
    with atomic_dir(out) as folder:
        files = {}
        for name, table in tables.items():
            path = folder / f"{name}.parquet"
            pq.write_table(table, path, compression="zstd", row_group_size=1 << 20)
            path.chmod(PRIVATE_FILE)
            files[name] = {
                "file": path.name,
                "rows": table.num_rows,
                "columns": table.column_names,
                "sha256": sha256_file(path),
            }
        body = {"schema": SCHEMA, **header, "created_at": now(), "files": files}
        body = seal(site, body) if site is not None else body
        (folder / "header.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        (folder / "header.json").chmod(PRIVATE_FILE)
    return out


def header_of(site: Site, partner: Partner, agreed: Agreement, kind: str, method: str) -> dict[str, Any]:
    """What every header from this site to a partner says."""
    return {
        "kind": kind,
        "exchange_id": agreed.exchange_id,
        "key_check": agreed.key_check,
        "from": site.public_key.hex(),
        "to": partner.public_key.hex(),
        "method": method,
    }


def open_parcel(path: Path, kind: str, signer: bytes | None = None) -> Parcel:
    """A parcel of a kind, whose files are as its header says, which ``signer`` signed (else the key that it names).

    UsageError when it is no parcel; Refused when it is another kind, was altered, or lacks a file.
    """
    if not (path / "header.json").is_file():
        raise UsageError(
            "is no parcel (it has no header.json)", where=str(path), remedy="give the folder that was sent"
        )
    value = read_json(path / "header.json")
    key = signer
    if key is None:
        try:
            key = bytes.fromhex(str(value["from"]))
        except (KeyError, TypeError, ValueError):
            key = b""
    body = unseal(value, SCHEMA, key, str(path))
    _expect(body, kind, path)
    return Parcel(path, _whole(path, body))


def open_matches(path: Path) -> Parcel:
    """A match result: as ``open_parcel``, but whoever matched has no key of the two sides to sign with."""
    if not (path / "header.json").is_file():
        raise UsageError(
            "is no parcel (it has no header.json)", where=str(path), remedy="give the folder that was sent"
        )
    body = read_json(path / "header.json")
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise Refused(
            "this is another kind of file", reasons=[f"its schema is not {SCHEMA}"], where=str(path)
        )
    _expect(body, "matches", path)
    return Parcel(path, _whole(path, body))


def _expect(body: dict[str, Any], kind: str, path: Path) -> None:
    if body.get("kind") != kind:
        found = KINDS.get(str(body.get("kind")), "something unknown")
        raise Refused(
            f"this is {found}, not {KINDS[kind]}",
            reasons=[f"its kind is {body.get('kind')!r}"],
            where=str(path),
        )


def _whole(path: Path, body: dict[str, Any]) -> dict[str, Any]:
    reasons = []
    try:
        listed = {str(item["file"]): str(item["sha256"]) for item in body["files"].values()}
    except (KeyError, TypeError, AttributeError):
        listed, reasons = {}, ["its header lists no files"]
    for name, digest in listed.items():
        file = path / name
        if Path(name).name != name or not file.is_file():
            reasons.append(f"{Path(name).name} is missing")
        elif sha256_file(file) != digest:
            reasons.append(f"{name} is not as it was sent")
    if reasons:
        raise Refused(
            "the parcel is not whole", reasons=reasons, where=str(path), remedy="ask for it to be sent again"
        )
    return body


def check_exchange(
    header: dict[str, Any], site: Site, partner: Partner, agreed: Agreement, where: str
) -> None:
    """Refused unless a partner's header is to this site, of this exchange and under its key."""
    reasons = []
    if header.get("from") != partner.public_key.hex():
        reasons.append(f"it was not sent by {partner.name}")
    if header.get("to") != site.public_key.hex():
        reasons.append("it was sent to another site")
    if header.get("exchange_id") != agreed.exchange_id:
        reasons.append("it belongs to another exchange: another project, or an agreement that was replaced")
    if header.get("key_check") != agreed.key_check:
        reasons.append(
            f"it was made under another key: its key check is {str(header.get('key_check'))[:16]}, "
            f"the one agreed here is {agreed.key_check}"
        )
    if reasons:
        raise Refused(
            "the parcel does not belong to this exchange",
            reasons=reasons,
            where=where,
            remedy="both sides run `lockgate partner status` and compare the key check by voice",
        )


def same_key(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Refused unless two sides' encodings can be compared: one exchange, one key, one method, one set of fields."""
    reasons = []
    if left["exchange_id"] != right["exchange_id"]:
        reasons.append("they belong to two exchanges: other projects, or an agreement that was replaced")
    if left["key_check"] != right["key_check"]:
        reasons.append(
            f"they were made under two keys: key checks {left['key_check']} and {right['key_check']}"
        )
    if left["from"] == right["from"]:
        reasons.append(f"both come from the same side (key {spoken(bytes.fromhex(left['from']))[:9]})")
    elif left["from"] != right["to"] or left["to"] != right["from"]:
        reasons.append("they are not of two sides that agreed with one another")
    for name, words in (("scheme", "parameters"), ("fields", "fields")):
        if left.get(name) != right.get(name):
            reasons.append(f"their {words} differ: {_text(left.get(name))} and {_text(right.get(name))}")
    if reasons:
        raise Refused(
            "the two parcels can't be compared",
            reasons=reasons,
            remedy="nothing was matched; both sides encode again under the key that both agreed on",
        )


def _text(value: Any) -> str:
    return canonical(value).decode()[:300]


def now() -> str:
    """This moment, to the microsecond: a later parcel is one with a later time."""
    return datetime.now(UTC).isoformat()


def digest(headers: list[str], left: Any, right: Any) -> str:
    """The number of a match: the SHA-256 of both headers' and of the pairs, in hex."""
    state = hashlib.sha256("\n".join(headers).encode())
    state.update(left.tobytes() + right.tobytes())
    return state.hexdigest()[:32]
