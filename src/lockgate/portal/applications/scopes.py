"""From an application to its scope: what the approval lets the project see, and nothing else."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from lockgate.errors import Refused
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.changes import changed_keys
from lockgate.portal.applications.models import Case, Decision
from lockgate.portal.applications.partners import compiled
from lockgate.portal.sites import current_site
from lockgate.workspace.routes import ALWAYS, route, routes_of, use_of_answers

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


# Answers that say what the project sees: where none of them changes, an amendment stays on the project's release.
DATA = frozenset(
    {
        *("columns", "linkages", "partners", "cohort", "period_from", "period_until", "dates", "records"),
        *("places", "notes", "rare_codes", "top_age"),
    }
)


def compile_scope(case: Case) -> dict[str, Any]:
    """The scope that this application, or this amendment of one, would become if it were approved now.

    Raises Refused when there is no release to approve or an answer it needs is missing.
    """
    site = current_site()
    answers, version = case.answers, case.version
    release = _release(case)
    today = timezone.localdate()
    start = max(answers["start_date"], today.isoformat())
    if answers["end_date"] <= start:
        raise Refused(
            "the access that was asked for is over before it could begin",
            reasons=[f"access ends on {answers['end_date']}"],
            remedy="return the application, so that the applicant can change the dates",
        )
    partners = compiled(answers)
    if gone := [item["partner"] for item in partners if not item["owner"]]:
        raise Refused(
            f"{', '.join(gone)} is no partner of this site any more",
            reasons=[f"no partner {name} is registered" for name in gone],
            remedy="return the application, so that the applicant can leave the partner out",
        )
    return {
        "schema": "lockgate.scope/1",
        "scope_id": f"{case.slug}-v{version.number}",
        "project": case.slug,
        "version": version.number,
        "site": site.config.site.name,
        "title": answers["title"],
        "kind": case.kind,
        "purpose": answers["purpose"],
        "applicant": case.applicant.username,
        "people": _people(case),
        "legal_basis": {key: answers[key] for key in ("article_6", "article_9", "common_law")},
        "release": release,
        "tables": answers["columns"],
        "cohort": answers.get("cohort"),
        "period": {"from": answers["period_from"], "until": answers["period_until"]},
        "linkages": answers.get("linkages") or [],
        **({"partners": partners} if partners else {}),
        "opt_out_rule": OPT_OUT_RULE[case.kind],
        "dates": answers["dates"],
        **_coarser(answers),
        "output_rules": {
            "threshold": site.config.disclosure.threshold,
            "rounding": site.config.disclosure.rounding,
        },
        "valid_from": start,
        "valid_until": answers["end_date"],
        **_decided(case),
    }


def _release(case: Case) -> str:
    """The newest release; of an amendment that leaves the data as they were, the project's own while it stands."""
    site, answers = current_site(), case.answers
    standing = _standing(case)
    if standing is not None:
        number, before = standing
        if not changed_keys(before, answers) & DATA and plane.release_stands(site, number):
            return number
    synthetic = answers.get("records") == "synthetic"
    release = plane.latest_release(site, synthetic=synthetic)
    if release is None:
        raise Refused(
            f"there is no {'synthetic ' if synthetic else ''}release yet, so nothing that could be approved",
            reasons=["no release"],
            remedy="a data engineer builds one with `lockgate release build`",
        )
    return release


def _standing(case: Case) -> tuple[str, dict[str, Any]] | None:
    """The release of the scope that was signed last, and the answers that it was made from; None before the first."""
    application = case.application
    if not application.scope_id:
        return None
    scope = application.project.scope
    answers = next(one.answers for one in application.versions.all() if one.number == scope["version"])
    return str(scope["release"]), answers


def _decided(case: Case) -> dict[str, Any]:
    """Who decided: the newest approval of each role of the route, and which roles the routes asked for beside the two
    that always decide and the partners' owners; or the rule that approved it."""
    routes = routes_of(current_site())
    needed = route(routes, use_of_answers(case.kind, case.answers)).decide
    approvals = case.application.approvals(case.version)
    own = {item.role: item for item in _made_last(case)}
    rule = next((role for role in own if role.startswith("rule:")), None)
    partners = {f"data_owner:{item['partner']}" for item in case.answers.get("partners") or []}
    if rule is not None:
        name = rule.partition(":")[2]
        return {
            "decisions": [_decision(own[rule])],
            "fast_path": {"rule": name, "reason": own[rule].note, "routes": routes.version},
        }
    return {
        "decisions": [_decision(item) for role, item in {**approvals, **own}.items() if role in needed],
        "required": [role for role in needed if role not in ALWAYS and role not in partners],
    }


def _made_last(case: Case) -> list[Decision]:
    """The decisions on the version at hand; on one that goes on after a suspension, those on the version before it."""
    if case.application is not case:
        return case.version.made()
    unsettled = {item.pk for item in case.application.amendments.all() if item.state != "approved"}
    standing = [one for one in case.application.versions.all() if one.amendment_id not in unsettled]
    found = (one.made() for one in sorted(standing, key=lambda one: -one.number))
    last = case.version.made()
    return last or (next(filter(None, found), []) if case.application.scope_id else [])


def _decision(item: Decision) -> dict[str, Any]:
    return {
        "role": item.role,
        "by": item.username or "lockgate",
        "decision": item.decision,
        "at": item.at.isoformat(),
        "note": item.note,
    }


def _coarser(answers: dict[str, Any]) -> dict[str, Any]:
    """The policies of ages, notes, places and rare codes that were asked for."""
    found: dict[str, Any] = {
        name: int(answers[name]) for name in ("rare_codes", "top_age") if answers.get(name)
    }
    return found | {name: answers[name] for name in ("notes", "places") if answers.get(name)}


def _people(case: Case) -> list[dict[str, str]]:
    """The applicant first, then the members, with name and organisation from their accounts."""
    roles = {item["username"]: item.get("role") or "Member" for item in case.answers.get("people") or []}
    roles.pop(case.applicant.username, None)
    lead = case.applicant
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
