"""Who belongs to the federation as this site knows it: joined by a statement that meets the rules, left with a reason.

``federation/rules.yaml`` are the rules that hold here; ``federation/members/NAME.json`` has a member's newest
statement, when it joined under which version of the rules, and when and why it left. The audit chain tells all of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.federation.rules import Finding, Rules, check, read_rules
from lockgate.federation.statement import Statement, read_statement
from lockgate.identity.partner.registry import spoken
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic

_NAME = re.compile(r"[a-z][a-z0-9-]{0,28}")


@dataclass(frozen=True, slots=True)
class Member:
    """A member, by our name for it. ``left_at`` and ``reason`` once it has left."""

    name: str
    statement: dict[str, Any]
    joined_at: str
    rules_version: int
    left_at: str = ""
    reason: str = ""

    @property
    def told(self) -> Statement:
        """Its newest statement, checked again."""
        return read_statement(self.statement, f"federation/members/{self.name}.json")


def agree(site: Site, file: Path, *, by: str) -> Rules:
    """Take a federation's rules as those that hold here. Refused when the version isn't newer than the one before."""
    rules = read_rules(file)
    place = _folder(site) / "rules.yaml"
    if place.exists():
        before = read_rules(place)
        if rules.federation != before.federation:
            raise Refused(
                "these are another federation's rules",
                reasons=[f"this site belongs to {before.federation}"],
                where=str(file),
                remedy=f"leave it first: remove {place} once its members were told",
            )
        if rules.version < before.version or (rules.version == before.version and rules != before):
            raise Refused(
                f"version {before.version} of the rules holds here",
                reasons=["rules that change get a higher version"],
                where=str(file),
            )
    write_atomic(place, file.read_bytes())
    site.audit.append("federation.rules", actor=by, federation=rules.federation, version=rules.version)
    return rules


def rules_of(site: Site) -> Rules:
    """The rules that hold here; UsageError when none were taken."""
    place = site.path / "federation" / "rules.yaml"
    if not place.exists():
        raise UsageError(
            "this site belongs to no federation",
            where=str(place),
            remedy="`lockgate federation rules FILE` takes the rules that were agreed",
        )
    return read_rules(place)


def join(site: Site, name: str, value: Any, *, heard: str, by: str, where: str) -> Member:
    """Take a member in, or a newer statement of one, from its statement whose fingerprint somebody read out.

    Refused when the fingerprint is not the statement's, a rule isn't met (each named), the key changed, or the
    statement is older than the one that is here.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("is no name for a member", where=name, remedy="small letters, digits and hyphens")
    rules, statement, at = rules_of(site), read_statement(value, where), datetime.now(UTC)
    before = next((one for one in members(site) if one.name == name), None)
    if re.sub(r"[^0-9a-f]", "", heard.lower()) != spoken(statement.public_key).replace(" ", ""):
        raise Refused(
            "the fingerprint that was read out is not the statement's",
            reasons=["the statement was swapped on its way, or a digit was misheard"],
            where=where,
            remedy="telephone the member on a number you know and compare all eight groups again",
        )
    if before is not None and before.told.public_key != statement.public_key:
        raise Refused(
            f"{name} is known by another key",
            reasons=["a new key is a new member"],
            where=where,
            remedy="choose another name, and let the old one leave",
        )
    if before is not None and statement.made_at < before.told.made_at:
        raise Refused(
            "a newer statement of this member is here",
            reasons=[f"this one was made on {statement.made_at:%d %B %Y}"],
            where=where,
        )
    if broken := [finding for finding in check(statement, rules, at) if not finding.met]:
        raise Refused(
            f"{statement.member} doesn't meet version {rules.version} of the rules",
            reasons=[f"{one.rule}: {one.asked} is asked, it has {one.found}" for one in broken],
            where=where,
        )
    joined = (
        before.joined_at if before is not None and not before.left_at else at.isoformat(timespec="seconds")
    )
    member = Member(name, statement.as_dict(), joined, rules.version)
    _write(site, member)
    site.audit.append(
        "federation.joined",
        actor=by,
        member=name,
        fingerprint=statement.fingerprint,
        rules_version=rules.version,
    )
    return member


def leave(site: Site, name: str, *, reason: str, by: str) -> Member:
    """A member leaves: nothing that it publishes is joined any more. UsageError without a reason or such a member."""
    if not reason.strip():
        raise UsageError("a member leaves for a reason", remedy="give one with --reason")
    found = next((one for one in members(site) if one.name == name and not one.left_at), None)
    if found is None:
        raise UsageError(f"no member {name!r}", remedy="`lockgate federation members` lists them")
    gone = replace(found, left_at=datetime.now(UTC).isoformat(timespec="seconds"), reason=reason.strip())
    _write(site, gone)
    site.audit.append("federation.left", actor=by, member=name, reason=gone.reason)
    return gone


def members(site: Site) -> list[Member]:
    """Every member that there is or was, by name."""
    found = []
    for path in sorted((site.path / "federation" / "members").glob("[!.]*.json")):
        try:
            found.append(Member(**json.loads(path.read_bytes())))
        except (OSError, ValueError, TypeError) as error:
            raise LockgateError(
                "a member's file can't be read", where=str(path), remedy="restore it from the backup"
            ) from error
    return found


def standing(site: Site, at: datetime) -> list[tuple[Member, list[Finding]]]:
    """Those who belong to it, each with the rules that its newest statement doesn't meet at a time."""
    rules = rules_of(site)
    return [
        (one, [finding for finding in check(one.told, rules, at) if not finding.met])
        for one in members(site)
        if not one.left_at
    ]


def _folder(site: Site) -> Path:
    return make_dir(site.path / "federation")


def _write(site: Site, member: Member) -> None:
    folder = make_dir(_folder(site) / "members")
    write_atomic(folder / f"{member.name}.json", (json.dumps(asdict(member), indent=1) + "\n").encode())
