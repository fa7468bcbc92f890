"""The partners a site knows: who they are, by which key, what they may deliver and who here answers for it.

``keys/partners/NAME.json``; a partner's own card is a small signed file that it sends (``card``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.schema import PARTNER
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic
from lockgate.site.keys import verify_signature

CARD = "lockgate.partner-card/1"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,28}")


@dataclass(frozen=True, slots=True)
class Partner:
    """Another organisation: our name for it, its identity key (32 bytes, ed25519), the tables it may deliver and the
    account here that decides, as the owner of its data, on every use."""

    name: str
    organisation: str
    public_key: bytes
    tables: tuple[str, ...]
    owner: str

    def as_dict(self) -> dict[str, Any]:
        """For the file and for ``--json``."""
        return {
            "name": self.name,
            "organisation": self.organisation,
            "public_key": self.public_key.hex(),
            "fingerprint": spoken(self.public_key),
            "tables": list(self.tables),
            "owner": self.owner,
        }


def spoken(public_key: bytes) -> str:
    """A public key to be read out: 32 hex digits of its SHA-256 in groups of four."""
    digits = hashlib.sha256(public_key).hexdigest()[:32]
    return " ".join(digits[place : place + 4] for place in range(0, 32, 4))


def card(site: Site) -> dict[str, Any]:
    """This site's card: its name and public key, signed with it."""
    body = {"schema": CARD, "organisation": site.config.site.name, "public_key": site.public_key.hex()}
    return {**body, "signature": site.sign(_message(body)).hex()}


def _message(body: dict[str, Any]) -> bytes:
    return b"lockgate card\n" + json.dumps(body, sort_keys=True).encode()


def add_partner(
    site: Site, name: str, value: Any, *, heard: str, tables: Sequence[str], owner: str, where: str
) -> Partner:
    """Register a partner from its card, whose fingerprint somebody read out.

    Refused when the fingerprint is not the card's: the card was swapped on its way, or a digit misheard.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("is no name for a partner", where=name, remedy="small letters, digits and hyphens")
    unknown = [table for table in tables if table not in PARTNER]
    if unknown or not tables:
        raise UsageError(
            f"there is no partner's table {', '.join(unknown)}" if unknown else "names no table",
            where="--tables",
            remedy=f"one or more of {', '.join(PARTNER)}",
        )
    if not owner.strip():
        raise UsageError("is empty", where="--owner", remedy="the account of whoever decides for this data")
    try:
        body = {key: value[key] for key in ("schema", "organisation", "public_key")}
        public_key, signature = bytes.fromhex(body["public_key"]), bytes.fromhex(value["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "is no partner's card", where=where, remedy="`lockgate partner card` writes one"
        ) from error
    if body["schema"] != CARD or not verify_signature(public_key, _message(body), signature):
        raise Refused("the card was altered", reasons=["it is not signed by the key in it"], where=where)
    if public_key == site.public_key:
        raise Refused("this is our own card", reasons=["its key is this site's"], where=where)
    if re.sub(r"[^0-9a-f]", "", heard.lower()) != spoken(public_key).replace(" ", ""):
        raise Refused(
            "the fingerprint that was read out is not the card's",
            reasons=["the card was swapped on its way, or a digit was misheard"],
            where=where,
            remedy="telephone the partner on a number you know and compare all eight groups again",
        )
    partner = Partner(name, str(body["organisation"])[:200], public_key, tuple(tables), owner.strip())
    path = _folder(site) / f"{name}.json"
    if path.exists() and read_partner(site, name).public_key != public_key:
        raise Refused(
            f"{name} is registered with another key",
            reasons=["a new key is a new partner: whatever was agreed with the old one stays with it"],
            where=where,
            remedy="choose another name",
        )
    write_atomic(path, (json.dumps(partner.as_dict(), indent=1) + "\n").encode())
    return partner


def partners(site: Site) -> list[Partner]:
    """Every partner of the site, by name."""
    return [read_partner(site, path.stem) for path in sorted((site.keys / "partners").glob("[!.]*.json"))]


def read_partner(site: Site, name: str) -> Partner:
    """One partner; UsageError when there is none of that name."""
    path = site.keys / "partners" / f"{name}.json"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise UsageError(
            f"no partner {name!r} is registered here", remedy="`lockgate partner add` registers one"
        )
    value = json.loads(path.read_bytes())
    return Partner(
        name,
        value["organisation"],
        bytes.fromhex(value["public_key"]),
        tuple(value["tables"]),
        value["owner"],
    )


def _folder(site: Site) -> Any:
    return make_dir(site.keys / "partners")
