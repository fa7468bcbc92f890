"""The keys that were agreed, kept under the site's own: one file a project and partner in ``keys/exchanges/``.

``PROJECT.PARTNER.json`` says how far the agreement is (offered, active, ended) and holds the secret, the private half
first and the shared key after it, sealed with AES-256-GCM under a key derived from the site's root key.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lockgate.errors import LockgateError, Refused
from lockgate.identity.partner import agreement
from lockgate.identity.partner.agreement import Agreement
from lockgate.identity.partner.registry import Partner
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic

_PURPOSE = "exchange-store"


@dataclass(frozen=True, slots=True)
class State:
    """How far the key with one partner for one project is. No secret is in it."""

    project: str
    partner: str
    status: str
    exchange_id: str
    since: str
    key_check: str = ""
    peer_project: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For ``lockgate partner status --json``."""
        return {name: getattr(self, name) for name in self.__slots__}


def start(site: Site, partner: Partner, project: str) -> dict[str, Any]:
    """Make an offer and remember it, in the place of whatever was agreed before."""
    offer, private = agreement.invite(site, partner, project)
    _keep(
        site, State(project, partner.name, "offered", offer["exchange_id"], _now()), private, {"offer": offer}
    )
    return offer


def answer(site: Site, partner: Partner, project: str, path: Path) -> tuple[dict[str, Any], State]:
    """Answer a partner's offer; the key is active here from now on."""
    reply, agreed = agreement.accept(site, partner, project, agreement.read_json(path), str(path))
    return reply, _activate(site, partner, project, agreed)


def conclude(site: Site, partner: Partner, project: str, path: Path) -> State:
    """Take the partner's answer; the key is active on both sides, and the private half is gone."""
    value = _read(site, project, partner.name)
    if value is None or value["state"]["status"] != "offered":
        raise Refused(
            "no offer is waiting for an answer",
            reasons=[f"nothing was offered to {partner.name} for {project}, or it was answered already"],
            where=str(path),
            remedy=f"lockgate partner invite {project} {partner.name}",
        )
    private = _open(site, value)
    agreed = agreement.finish(site, partner, value["offer"], private, agreement.read_json(path), str(path))
    return _activate(site, partner, project, agreed)


def _activate(site: Site, partner: Partner, project: str, agreed: Agreement) -> State:
    state = State(
        project, partner.name, "active", agreed.exchange_id, _now(), agreed.key_check, agreed.peer_project
    )
    _keep(site, state, agreed.key, {"transcript": agreed.transcript})
    return state


def end(site: Site, project: str, partner: str) -> State:
    """Destroy the key; what was encoded under it can never be made or read again here."""
    value = _read(site, project, partner)
    if value is None:
        raise _none(project, partner)
    old = value["state"]
    state = State(
        project, partner, "ended", old["exchange_id"], _now(), old["key_check"], old["peer_project"]
    )
    write_atomic(_path(site, project, partner), _rendered({"state": state.as_dict()}))
    return state


def current(site: Site, project: str, partner: str) -> Agreement:
    """The key in force; Refused when none was agreed for this project and partner, or it was ended."""
    value = _read(site, project, partner)
    if value is None or value["state"]["status"] != "active":
        raise _none(project, partner, "" if value is None else value["state"]["status"])
    state = value["state"]
    return Agreement(state["exchange_id"], _open(site, value), state["peer_project"], value["transcript"])


def states(site: Site) -> list[State]:
    """Every agreement of the site, by project and partner."""
    found = sorted((site.keys / "exchanges").glob("[!.]*.json"))
    return [State(**json.loads(path.read_bytes())["state"]) for path in found]


def states_of(site: Site, project: str, partner: str) -> State:
    """How far one agreement is; Refused when there is none."""
    value = _read(site, project, partner)
    if value is None:
        raise _none(project, partner)
    return State(**value["state"])


def _none(project: str, partner: str, status: str = "") -> Refused:
    reasons = {
        "offered": "a key was offered, and the partner's answer is not here yet",
        "ended": "the key was ended",
    }
    return Refused(
        f"no key is agreed with {partner} for {project}",
        reasons=[reasons.get(status, "nobody has invited the partner, nor accepted its invitation")],
        where=project,
        remedy=f"lockgate partner invite {project} {partner}",
    )


def _path(site: Site, project: str, partner: str) -> Path:
    return site.keys / "exchanges" / f"{project}.{partner}.json"


def _read(site: Site, project: str, partner: str) -> dict[str, Any] | None:
    path = _path(site, project, partner)
    if not path.is_file():
        return None
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value


def _keep(site: Site, state: State, secret: bytes, more: dict[str, Any]) -> None:
    nonce = secrets.token_bytes(12)
    generation = site.keyring.generation  # of the root key, which may be another when this is read
    sealed = AESGCM(site.key(_PURPOSE)).encrypt(nonce, secret, _bound(state.as_dict()))
    make_dir(site.keys / "exchanges")
    value = {"state": state.as_dict(), **more, "root_key": generation, "sealed": (nonce + sealed).hex()}
    write_atomic(_path(site, state.project, state.partner), _rendered(value))


def _open(site: Site, value: dict[str, Any]) -> bytes:
    """The secret. It is bound to what the file says of it: a file under another project's name does not open."""
    sealed = bytes.fromhex(value["sealed"])
    try:
        key = site.key(_PURPOSE, generation=int(value["root_key"]))
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], _bound(value["state"]))
    except InvalidTag as error:
        raise LockgateError(
            "the key of an exchange was altered, or belongs to another site",
            where=f"{value['state']['project']}.{value['state']['partner']}.json",
            remedy="restore keys/exchanges/ from the backup, or agree on a new key",
        ) from error


def _bound(state: dict[str, Any]) -> bytes:
    return agreement.canonical(state)


def _rendered(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat()
