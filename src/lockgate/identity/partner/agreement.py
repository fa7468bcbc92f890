"""A key that two organisations share for one project, agreed without ever sending it.

One side invites, the other accepts, the first finishes: three short files. Each side makes an X25519 key for this one
exchange (RFC 7748) and signs it, with the names of both identities and projects and the exchange's number, with its
long-term ed25519 key (RFC 8032), whose fingerprint was compared by voice when the partner was added. The shared secret
goes through HKDF-SHA256 (RFC 5869) salted with the hash of both signed files, so that any change to either gives
another key: the signed Diffie-Hellman of SIGMA (Krawczyk 2003) without its encryption of identities, as in ISO
11770-3. Private halves are deleted once the key is there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lockgate.errors import Refused, UsageError
from lockgate.identity.partner.registry import Partner
from lockgate.site import Site
from lockgate.site.keys import verify_signature

OFFER, ANSWER = "lockgate.exchange-offer/1", "lockgate.exchange-answer/1"
ANSWER_WITHIN = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The key of one exchange: between two identities, for one project on either side."""

    exchange_id: str
    key: bytes
    peer_project: str
    transcript: str

    def subkey(self, use: str) -> bytes:
        """The secret for one use, such as ``"nhs-number"``; none says anything of another."""
        return HKDF(hashes.SHA256(), 32, salt=None, info=f"lockgate/exchange/{use}".encode()).derive(self.key)

    @property
    def key_check(self) -> str:
        """What tells one key from another and says nothing of it: 16 hex digits of an HMAC."""
        return hmac.digest(self.key, b"lockgate key check", "sha256").hex()[:16]


def canonical(value: Any) -> bytes:
    """The bytes that are signed: JSON with sorted keys and no white space, in UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def seal(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    """A document under the site's signature. Its schema is part of what is signed, so none passes for another."""
    return {**body, "signature": site.sign(b"lockgate exchange\n" + canonical(body)).hex()}


def unseal(value: Any, schema: str, public_key: bytes, where: str) -> dict[str, Any]:
    """A signed document's body; Refused when it is another kind, or not as the holder of the key signed it."""
    if not isinstance(value, dict) or value.get("schema") != schema:
        found = value.get("schema") if isinstance(value, dict) else None
        raise Refused(
            "this is another kind of file",
            reasons=[f"its schema is {found!r}, {schema!r} is needed"],
            where=where,
            remedy="`lockgate partner status` says what comes next",
        )
    body = {key: item for key, item in value.items() if key != "signature"}
    try:
        signature = bytes.fromhex(str(value.get("signature", "")))
    except ValueError:
        signature = b""
    if not verify_signature(public_key, b"lockgate exchange\n" + canonical(body), signature):
        raise Refused(
            "the file was not signed by this partner, or was altered since",
            reasons=["its signature is not of the key that was registered for the partner"],
            where=where,
            remedy="ask the partner to send it again; compare fingerprints by voice (`lockgate partner list`)",
        )
    return body


def read_json(path: Path) -> Any:
    """A JSON file; UsageError when it is none."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "is no JSON file", where=str(path), remedy="give the file that the partner sent"
        ) from error


def invite(site: Site, partner: Partner, project: str) -> tuple[dict[str, Any], bytes]:
    """The signed offer of a key for a project, and the private half to keep until it is answered."""
    private = X25519PrivateKey.generate()
    body = {
        "schema": OFFER,
        "exchange_id": secrets.token_hex(16),
        "from": site.public_key.hex(),
        "to": partner.public_key.hex(),
        "project": project,
        "ephemeral": _public(private).hex(),
        "created_at": _now().isoformat(),
    }
    return seal(site, body), _private(private)


def accept(
    site: Site, partner: Partner, project: str, offer: Any, where: str
) -> tuple[dict[str, Any], Agreement]:
    """Our signed answer to a partner's offer, and the key. Refused when the offer is not theirs, to us and fresh."""
    body = _checked(site, partner, offer, OFFER, where)
    if _now() - _time(body, where) > ANSWER_WITHIN:
        raise Refused(
            "the offer is too old",
            reasons=[f"it was made on {str(body['created_at'])[:10]}; an offer holds for 14 days"],
            where=where,
            remedy="ask the partner for a new one",
        )
    private = X25519PrivateKey.generate()
    answer = seal(
        site,
        {
            "schema": ANSWER,
            "exchange_id": body["exchange_id"],
            "offer_sha256": hashlib.sha256(canonical(offer)).hexdigest(),
            "from": site.public_key.hex(),
            "to": partner.public_key.hex(),
            "project": project,
            "ephemeral": _public(private).hex(),
            "created_at": _now().isoformat(),
        },
    )
    return answer, _agreed(private, body, str(body["project"]), offer, answer, where)


def finish(site: Site, partner: Partner, offer: Any, private: bytes, answer: Any, where: str) -> Agreement:
    """The key, from the partner's answer to our offer. Refused when it answers another one."""
    body = _checked(site, partner, answer, ANSWER, where)
    if body.get("offer_sha256") != hashlib.sha256(canonical(offer)).hexdigest():
        raise Refused(
            "the answer is to another offer",
            reasons=["it does not name the offer that is waiting here"],
            where=where,
            remedy="send the partner the newest offer, and take the answer to it",
        )
    key = X25519PrivateKey.from_private_bytes(private)
    return _agreed(key, body, str(body["project"]), offer, answer, where)


def _checked(site: Site, partner: Partner, value: Any, schema: str, where: str) -> dict[str, Any]:
    body = unseal(value, schema, partner.public_key, where)
    if body.get("from") != partner.public_key.hex() or body.get("to") != site.public_key.hex():
        raise Refused(
            "the file is between other organisations",
            reasons=[f"it is not from {partner.name} to this site"],
            where=where,
            remedy="ask the partner which of its files is for this site",
        )
    return body


def _time(body: dict[str, Any], where: str) -> datetime:
    try:
        return datetime.fromisoformat(str(body["created_at"]))
    except (KeyError, ValueError) as error:
        raise UsageError("its date can't be read", where=where) from error


def _agreed(
    private: X25519PrivateKey, body: dict[str, Any], project: str, offer: Any, answer: Any, where: str
) -> Agreement:
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(str(body["ephemeral"]))))
    except (ValueError, KeyError) as error:  # a point of small order too
        raise Refused(
            "the partner's key is none that can be used",
            reasons=["it is no X25519 public key"],
            where=where,
            remedy="ask the partner to make the file anew",
        ) from error
    transcript = hashlib.sha256(canonical(offer) + b"\n" + canonical(answer)).digest()
    key = HKDF(hashes.SHA256(), 32, salt=transcript, info=b"lockgate/exchange/1").derive(shared)
    return Agreement(str(body["exchange_id"]), key, project, transcript.hex())


def _public(private: X25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _private(private: X25519PrivateKey) -> bytes:
    return private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
