"""From an application to its scope: what the approval lets the project see, and nothing else."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from lockgate.errors import Refused
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.models import Application
from lockgate.portal.applications.partners import compiled
from lockgate.portal.sites import current_site

OPT_OUT_RULE = {
    "research": "national-data-opt-out-applied",
    "service_evaluation": "national-data-opt-out-applied",
    "audit": "local-objections-applied",
    "clinical_analytics": "national-data-opt-out-applied",
}
OPT_OUT_STATEMENT = (
    "People who have opted out of a use of their record such as this one are not in this project; who opts out later "
    "is taken out before the data are next read."
)


def compile_scope(application: Application) -> dict[str, Any]:
    """The scope that this application would become if it were approved now.

    Raises Refused when there is no release to approve or an answer it needs is missing.
    """
    site = current_site()
    answers = application.answers
    release = plane.latest_release(site)
    if release is None:
        raise Refused(
            "there is no release yet, so nothing that could be approved",
            reasons=["no release"],
            remedy="a data engineer builds one with `lockgate release build`",
        )
    today = timezone.localdate()
    start = max(answers["start_date"], today.isoformat())
    if answers["end_date"] <= start:
        raise Refused(
            "the access that was asked for is over before it could begin",
            reasons=[f"access ends on {answers['end_date']}"],
            remedy="return the application, so that the applicant can change the dates",
        )
    version = application.version
    partners = compiled(answers)
    if gone := [item["partner"] for item in partners if not item["owner"]]:
        raise Refused(
            f"{', '.join(gone)} is no partner of this site any more",
            reasons=[f"no partner {name} is registered" for name in gone],
            remedy="return the application, so that the applicant can leave the partner out",
        )
    return {
        "schema": "lockgate.scope/1",
        "scope_id": f"{application.slug}-v{version.number}",
        "project": application.slug,
        "version": version.number,
        "site": site.config.site.name,
        "title": answers["title"],
        "kind": application.kind,
        "purpose": answers["purpose"],
        "applicant": application.applicant.username,
        "people": _people(application),
        "legal_basis": {key: answers[key] for key in ("article_6", "article_9", "common_law")},
        "release": release,
        "tables": answers["columns"],
        "cohort": answers.get("cohort"),
        "period": {"from": answers["period_from"], "until": answers["period_until"]},
        "linkages": answers.get("linkages") or [],
        **({"partners": partners} if partners else {}),
        "opt_out_rule": OPT_OUT_RULE[application.kind],
        "dates": answers["dates"],
        **_coarser(answers),
        "output_rules": {
            "threshold": site.config.disclosure.threshold,
            "rounding": site.config.disclosure.rounding,
        },
        "valid_from": start,
        "valid_until": answers["end_date"],
        "decisions": [
            {
                "role": decision.role,
                "by": decision.by.username,
                "decision": decision.decision,
                "at": decision.at.isoformat(),
                "note": decision.note,
            }
            for decision in application.standing()
        ],
    }


def _coarser(answers: dict[str, Any]) -> dict[str, Any]:
    """The policies of ages, notes, places and rare codes that were asked for."""
    found: dict[str, Any] = {
        name: int(answers[name]) for name in ("rare_codes", "top_age") if answers.get(name)
    }
    return found | {name: answers[name] for name in ("notes", "places") if answers.get(name)}


def _people(application: Application) -> list[dict[str, str]]:
    """The applicant first, then the members, with name and organisation from their accounts."""
    roles = {
        item["username"]: item.get("role") or "Member" for item in application.answers.get("people") or []
    }
    roles.pop(application.applicant.username, None)
    lead = application.applicant
    accounts = {
        user.username: user for user in User.objects.select_related("organisation").filter(username__in=roles)
    }
    people = [_entry(lead, "Lead")]
    for username, role in roles.items():
        if username not in accounts:
            raise Refused(f"{username} has no account here", reasons=[f"no account: {username}"])
        people.append(_entry(accounts[username], role))
    return people


def _entry(user: User, role: str) -> dict[str, str]:
    return {
        "username": user.username,
        "name": user.name,
        "organisation": user.organisation.name if user.organisation else "",
        "role": role,
    }


def missing_roles(application: Application) -> list[str]:
    """The deciding roles whose decision is still open."""
    return list(application.facts().open_roles())
