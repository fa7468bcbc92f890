"""Pages of what two people decide: who a pseudonym is, and data past the risk policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.portal.accounts.rules import can, check
from lockgate.portal.accounts.second_factor import ask_for_it, given
from lockgate.portal.pages import SignedIn, as_errors, posted_day, signed_in, summary
from lockgate.portal.safety import rules, services
from lockgate.portal.sites import current_site
from lockgate.site.approvals import Approval
from lockgate.workspace.scope.store import issued_scopes

SHOWN = 100
View = Callable[..., HttpResponseBase]


def with_second_factor(view: View) -> View:
    """Send whoever signed in with a password alone to give a second factor first."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs) if given(request) else ask_for_it(request)

    return wrapper


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """Every request of either kind, the newest first."""
    rules.check_read(request.user.person)
    context = {
        "who": services.every_request(request.user, services.WHO)[:SHOWN],
        "risk": services.every_request(request.user, services.RISK)[:SHOWN],
    }
    return render(request, "safety/list.jinja", context)


@require_http_methods(["GET", "POST"])
@signed_in
def ask_who(request: SignedIn) -> HttpResponseBase:
    """Ask who one person of a project is."""
    check(request.user.person, "reidentify.request")
    return _ask_who(request)


@with_second_factor
def _ask_who(request: SignedIn) -> HttpResponseBase:
    errors: dict[str, str] = {}
    if request.method == "POST":
        said = {name: request.POST.get(name, "").strip() for name in ("project", "person", "reason")}
        errors = {} if said["project"] else {"project": "Choose the project"}
        if not said["person"].isascii() or not said["person"].isdigit() or len(said["person"]) > 19:
            errors["person"] = "Enter the person_id as the project's data show it: digits alone"
        if not errors:
            try:
                asked = services.ask_who(
                    request.user, said["project"], int(said["person"]), said["reason"], second_factor=given(request)
                )  # fmt: skip
            except LockgateError as error:
                errors = _told(error, "person")
            else:
                messages.success(request, "Asked. Somebody of the data protection office decides.")
                return redirect("safety:who", asked.approval_id)
    return _form(request, "safety/ask_who.jinja", errors, {"projects": every_project()})


@require_http_methods(["GET", "POST"])
@signed_in
def who(request: SignedIn, approval: str) -> HttpResponseBase:
    """One request: decide on it, or look at the answer, once."""
    asked = one_request(request, services.WHO, approval)
    if can(request.user.person, "audit.read") and request.method == "GET":
        return _shown_who(request, asked)
    return _who(request, asked)


@with_second_factor
def _who(request: SignedIn, asked: Approval) -> HttpResponseBase:
    if request.method == "GET":
        return _shown_who(request, asked)
    action, has = request.POST.get("action"), given(request)
    try:
        if action == "look":
            answer = services.look(request.user, asked.approval_id, second_factor=has)
            return render(request, "safety/answer.jinja", {"asked": asked, "answer": answer})
        decided = services.decide_who(
            request.user, asked.approval_id, yes=action == "approve", second_factor=has
        )
    except LockgateError as error:
        check(request.user.person, "reidentify.request" if action == "look" else "reidentify.approve")
        return _shown_who(request, asked, _told(error, "decision"))
    messages.success(request, f"The request is {decided.state()}.")
    return redirect("safety:list")


def _shown_who(request: SignedIn, asked: Approval, errors: dict[str, str] | None = None) -> HttpResponseBase:
    person, state = request.user.person, asked.state()
    return _one_page(request, "safety/who.jinja", asked, errors, {
        "may_decide": rules.may_decide(person, "reidentify.approve", asked.requested_by, state),
        "may_look": rules.may_look(person, asked.requested_by, state),
    })  # fmt: skip


@require_http_methods(["GET", "POST"])
@signed_in
def ask_risk(request: SignedIn) -> HttpResponseBase:
    """Ask that a risk over the policy be accepted."""
    check(request.user.person, "risk.request")
    errors: dict[str, str] = {}
    if request.method == "POST":
        post = request.POST
        share = _share(post.get("share", ""))
        errors = {} if post.get("what") else {"what": "Choose what it is about"}
        errors |= {} if share else {"share": "Enter a share of people between 0 and 100, such as 12.5"}
        try:
            until = posted_day(request, "until")
        except UsageError:
            until = None
        errors |= {} if until else {"until": "Enter the last day, such as 31 3 2027"}
        if not errors:
            project = "" if post["what"] == services.NEXT_RELEASES else post["what"]
            try:
                asked = services.ask_risk(request.user, project, share or 0.0, until, post.get("reason", ""))
            except LockgateError as error:
                errors = _told(error, "what")
            else:
                messages.success(request, "Asked. Somebody else has to accept it.")
                return redirect("safety:risk", asked.approval_id)
    context = {
        "projects": every_project(),
        "policy": current_site().config.risk,
        "next_releases": services.NEXT_RELEASES,
        "day": {part: request.POST.get(f"until[{part}]", "") for part in ("day", "month", "year")},
    }
    return _form(request, "safety/ask_risk.jinja", errors, context)


@require_http_methods(["GET", "POST"])
@signed_in
def risk(request: SignedIn, approval: str) -> HttpResponseBase:
    """One request: what is over the policy and why it should pass; accept or decline."""
    asked = one_request(request, services.RISK, approval)
    errors: dict[str, str] | None = None
    if request.method == "POST":
        try:
            yes = request.POST.get("action") == "approve"
            decided = services.decide_risk(request.user, asked.approval_id, yes=yes)
        except LockgateError as error:
            check(request.user.person, "risk.accept")
            errors = _told(error, "decision")
        else:
            messages.success(request, "Accepted." if decided.state() == "approved" else "Declined.")
            return redirect("safety:list")
    person = request.user.person
    return _one_page(request, "safety/risk.jinja", asked, errors, {
        "may_decide": rules.may_decide(person, "risk.accept", asked.requested_by, asked.state()),
        "policy": current_site().config.risk,
        "refusal": services.last_refusal(asked.subject),
    })  # fmt: skip


def one_request(request: SignedIn, what: str, approval: str) -> Approval:
    """One request of a kind; 404 where there is none."""
    try:
        return services.one_request(request.user, what, approval)
    except UsageError as error:
        raise Http404 from error


def every_project() -> list[tuple[str, str]]:
    """Every project that had a scope, those that are over too, with its last title."""
    return [(project, scopes[-1].title) for project, scopes in issued_scopes(current_site()).items()]


def _told(error: LockgateError, field: str) -> dict[str, str]:
    """An error at its field, with the reasons of a refusal."""
    where = error.where if error.where in ("reason", "share", "until") else field
    told = next(iter(as_errors(error, field).values()))
    reasons = error.reasons if isinstance(error, Refused) else []
    return {where: f"{told}: {'; '.join(reasons)}" if reasons else told}


def _form(
    request: SignedIn, template: str, errors: dict[str, str], context: dict[str, Any]
) -> HttpResponseBase:
    shown = {"errors": errors, "summary": summary(errors, {"until": "until-day"}), "posted": request.POST}
    return render(request, template, {**context, **shown}, status=400 if errors else 200)


def _one_page(
    request: SignedIn, template: str, asked: Approval, errors: dict[str, str] | None, context: dict[str, Any]
) -> HttpResponseBase:
    shown = {"asked": asked, "state": asked.state(), "summary": summary(errors or {})}
    return render(request, template, {**context, **shown}, status=400 if errors else 200)


def _share(text: str) -> float | None:
    """A share from per cent, or None when it is none."""
    try:
        share = float(text.strip().rstrip("%")) / 100
    except ValueError:
        return None
    return share if 0 < share <= 1 else None
