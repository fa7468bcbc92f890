"""What a site says of itself to a federation: its settings that bear on safety, read from itself, dated and signed.

A statement holds configuration and no number about people. The head of the audit chain is in it, so that whoever
keeps statements can hold a later chain against them (``lockgate audit verify --against``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import lockgate
from lockgate.errors import Refused, UsageError
from lockgate.identity.partner.registry import spoken
from lockgate.portal.accounts.rules import ROLES
from lockgate.portal.accounts.training import courses_of, required_courses
from lockgate.site import Site
from lockgate.site.keys import verify_signature
from lockgate.workspace.sandbox.gate import require_isolation

SCHEMA = "lockgate.federation-statement/1"
EVERYBODY = "*"
# By what things are signed, derived and enciphered everywhere in this version (site/keys.py, identity/partner).
CRYPTOGRAPHY = {
    "signatures": "Ed25519",
    "key_derivation": "HKDF-SHA256",
    "key_agreement": "X25519",
    "encryption": "AES-256-GCM",
}
REVIEWERS = 2  # of a result that rules alone don't release


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose signature is that of the key in it. ``body`` is what was signed, as JSON values."""

    body: dict[str, Any]
    signature: bytes

    @property
    def member(self) -> str:
        """The site's name."""
        return str(self.body["member"]["name"])

    @property
    def public_key(self) -> bytes:
        """The site's identity key (32 bytes, Ed25519)."""
        return bytes.fromhex(self.body["member"]["public_key"])

    @property
    def fingerprint(self) -> str:
        """The key as it is read out on the telephone."""
        return spoken(self.public_key)

    @property
    def made_at(self) -> datetime:
        """When it was made (UTC)."""
        return datetime.fromisoformat(self.body["made_at"])

    def as_dict(self) -> dict[str, Any]:
        """The statement as it goes into its file."""
        return {**self.body, "signature": self.signature.hex()}


def statement_of(site: Site) -> Statement:
    """The site's statement of now. Refused when its sandbox holds no job in, with each probe that failed."""
    strategy = require_isolation(site)
    config = site.config
    required = required_courses(site)
    second = config.portal.second_factor
    head = json.loads(site.audit.head.read_bytes()) if site.audit.head.exists() else {}
    address = config.mail.portal_address
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "member": {
            "name": config.site.name,
            "ods_code": config.site.ods_code,
            "public_key": site.public_key.hex(),
        },
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "demonstration": config.site.demo,
        "lockgate": lockgate.__version__,
        "services": {
            name: f"{address}{path}"
            for name, path in (
                ("portal", "/"),
                ("register", "/register/feed.json"),
                ("catalogue", "/catalogue/"),
                ("incidents", "/incidents/published/"),
                ("api", "/api/openapi.json"),
            )
            if address
        },
        "outputs": {
            "threshold": config.disclosure.threshold,
            "rounding": config.disclosure.rounding,
            "reviewers": REVIEWERS,
            "release_by_rule": config.disclosure.release_by_rule,
        },
        "deidentification": {
            name: getattr(config.deidentify, name)
            for name in ("birth_date", "event_dates", "top_age", "places", "notes")
        },
        "training": {role: list(courses_of(role, required)) for role in ROLES},
        "second_factor": ([] if config.site.demo else [EVERYBODY]) if second is None else list(second),
        "isolation": strategy,
        "cryptography": CRYPTOGRAPHY,
        "audit_head": head,
    }
    return Statement(body, site.sign(_message(body)))


def read_statement(value: Any, where: str) -> Statement:
    """A statement from its JSON values. UsageError where it is none; Refused where it was altered."""
    try:
        signature = bytes.fromhex(value["signature"])
        body = {name: item for name, item in value.items() if name != "signature"}
        found = Statement(body, signature)
        whole = (
            body["schema"] == SCHEMA and found.member and len(found.public_key) == 32 and found.made_at.tzinfo
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            "is no statement of a member", where=where, remedy="`lockgate federation statement` writes one"
        ) from error
    if not whole:
        raise UsageError(
            "is no statement of this version",
            where=where,
            remedy="ask the member for one of a newer Lockgate",
        )
    if not verify_signature(found.public_key, _message(body), signature):
        raise Refused("the statement was altered", reasons=["it is not signed by the key in it"], where=where)
    return found


def _message(body: dict[str, Any]) -> bytes:
    return b"lockgate federation statement\n" + json.dumps(body, sort_keys=True, ensure_ascii=False).encode()
