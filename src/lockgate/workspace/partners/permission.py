"""Whether a scope permits a linkage, and what the audit chain hears of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lockgate.disclosure import Rules, safe_count
from lockgate.errors import Refused
from lockgate.identity.partner.registry import Partner, read_partner
from lockgate.site import Site
from lockgate.workspace.scope import Scope, load, today
from lockgate.workspace.scope.model import PartnerLinkage


@dataclass(frozen=True, slots=True)
class Permitted:
    """A linkage that the scope in force permits today."""

    scope: Scope
    linkage: PartnerLinkage
    partner: Partner


def permitted(
    site: Site, project: str, name: str, *, method: str = "", direction: str = "", tables: Iterable[str] = ()
) -> Permitted:
    """The leave for a linkage; Refused, with every reason, unless the scope in force gives it today.

    ``method`` is nhs_number or encodings, ``direction`` receive or send; empty where the step is the same for all.
    """
    partner = read_partner(site, name)
    scope = load(site, project)
    linkage = next((one for one in scope.partners if one.partner == name), None)
    remedy = "the applicant asks for the linkage in an application or an amendment, and its owner decides too"
    if linkage is None:
        raise Refused(
            f"the scope does not permit a linkage with {name}",
            reasons=[f"{scope.scope_id} names no partner {name}"],
            where=project,
            remedy=remedy,
        )
    reasons = linkage_problems(site, linkage, partner)
    if method and method not in linkage.methods:
        reasons.append(f"it permits {' and '.join(linkage.methods)}, not {method}")
    if direction and direction != linkage.direction:
        reasons.append(f"it permits to {linkage.direction}, not to {direction}")
    reasons += [f"it does not permit {table}" for table in tables if table not in linkage.tables]
    if reasons:
        raise Refused(
            f"the scope does not permit this linkage with {name}",
            reasons=reasons,
            where=scope.scope_id,
            remedy=remedy,
        )
    return Permitted(scope, linkage, partner)


def linkage_problems(site: Site, linkage: PartnerLinkage, partner: Partner) -> list[str]:
    """Why a linkage does not hold today, whatever is done with it."""
    problems = []
    if linkage.until < today(site):
        problems.append(f"it ended on {linkage.until.isoformat()}")
    if linkage.fingerprint != partner.as_dict()["fingerprint"]:
        problems.append("it was given for another key than the one registered for this partner")
    problems += [
        f"{table} is not among what {partner.name} may deliver here"
        for table in linkage.tables
        if linkage.direction == "receive" and table not in partner.tables
    ]
    return problems


def note(
    site: Site, event: str, actor: str, held: Permitted, counts: dict[str, int], **detail: Any
) -> dict[str, Any]:
    """Write an audit entry; its counts of people and rows as the project's disclosure rules show them, returned."""
    rules = Rules(threshold=held.scope.output_rules.threshold, rounding=held.scope.output_rules.rounding)
    shown = {name: safe_count(count, rules) for name, count in counts.items()}
    site.audit.append(
        event,
        actor=actor,
        project=held.scope.project,
        scope_id=held.scope.scope_id,
        partner=held.partner.name,
        counts=shown,
        **detail,
    )
    return shown
