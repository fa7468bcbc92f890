"""The key agreement under a scope: invite, accept, conclude, end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from lockgate.errors import UsageError
from lockgate.identity.partner import exchanges
from lockgate.identity.partner.exchanges import State
from lockgate.site import Site
from lockgate.site.files import write_atomic
from lockgate.workspace.partners.permission import note, permitted
from lockgate.workspace.partners.places import delivered, private
from lockgate.workspace.scope import project_folder


def invite(site: Site, project: str, name: str, out: Path, actor: str) -> State:
    """Write the offer of a key to a file for the partner. A key agreed before is replaced."""
    held = permitted(site, project, name)
    _free(out)
    offer = exchanges.start(site, held.partner, project)
    write_atomic(out, _rendered(offer))
    note(site, "partner.invited", actor, held, {}, exchange_id=offer["exchange_id"])
    return exchanges.states_of(site, project, name)


def accept(site: Site, project: str, name: str, offer: Path, out: Path, actor: str) -> State:
    """Answer a partner's offer; the key is there, and the answer lets the partner make the same."""
    held = permitted(site, project, name)
    _free(out)
    answer, state = exchanges.answer(site, held.partner, project, offer)
    write_atomic(out, _rendered(answer))
    _agreed(site, actor, held, state)
    return state


def conclude(site: Site, project: str, name: str, answer: Path, actor: str) -> State:
    """Take the partner's answer to our offer."""
    held = permitted(site, project, name)
    state = exchanges.conclude(site, held.partner, project, answer)
    _agreed(site, actor, held, state)
    return state


def _agreed(site: Site, actor: str, held: Any, state: State) -> None:
    note(
        site, "partner.key-agreed", actor, held, {}, exchange_id=state.exchange_id, key_check=state.key_check
    )


def end(site: Site, project: str, name: str, actor: str, reason: str) -> State:
    """Destroy the key and what was delivered under it. Needs no scope: an end is always permitted."""
    if not reason.strip():
        raise UsageError("say why the exchange ends", where="--reason")
    state = exchanges.end(site, project, name)
    for folder in (delivered(site, project, name), private(site, project, name)):
        shutil.rmtree(folder, ignore_errors=True)
    site.audit.append(
        "partner.ended",
        actor=actor,
        project=project_folder(site, project).name,
        partner=name,
        exchange_id=state.exchange_id,
        reason=reason.strip(),
    )
    return state


def _free(out: Path) -> None:
    if out.exists():
        raise UsageError("is there already", where=str(out), remedy="give --out a new file")
    if not out.absolute().parent.is_dir():
        raise UsageError("its folder is not there", where=str(out), remedy="make the folder first")


def _rendered(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
