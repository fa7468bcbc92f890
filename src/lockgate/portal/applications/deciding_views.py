"""Pages of those who decide and advise: decide, advise, comment, declare an interest, see what changed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.portal.applications import rules, services, states
from lockgate.portal.applications.bank import load
from lockgate.portal.applications.catalogue import linkage_label, offered
from lockgate.portal.applications.changes import changes
from lockgate.portal.applications.models import Amendment, Application, Case, Version
from lockgate.portal.applications.reading import (
    base_of,
    changed,
    comments_by_section,
    get_application,
    get_case,
    route_shown,
)
from lockgate.portal.applications.scopes import compile_scope
from lockgate.portal.applications.services import NewCondition
from lockgate.portal.applications.shown import panel_view, shown_answers
from lockgate.portal.datasets.services import of_tables
from lockgate.portal.pages import SignedIn, as_errors, posted_day, signed_in, summary

CONDITION_ROWS = 3


@require_http_methods(["GET", "POST"])
@signed_in
def decide(request: SignedIn, reference: str, which: str = "") -> HttpResponseBase:
    """The answers, what changed in them, exactly what would be visible, and the decision."""
    case = get_case(request, reference, which)
    facts, person = case.facts(), request.user.person
    rules.check_decide(person, facts)
    errors: dict[str, str] = {}
    if request.method == "POST":
        decision = request.POST.get("decision", "")
        if decision not in states.DECISIONS:
            errors["decision"] = "Choose a decision"
        else:
            try:
                state = services.decide(
                    request.user,
                    case,
                    decision,
                    request.POST.get("note", ""),
                    conditions=_conditions(request) if decision == "approve" else (),
                    public_note=request.POST.get("public_note", ""),
                )
                messages.success(request, _decided(case, state))
                return redirect(_after(request, reference))
            except Refused as error:
                errors = {error.where or "decision": "; ".join(error.reasons) or error.message}
            except UsageError as error:
                errors = as_errors(error, "decision")
    scope, refused = preview(case)
    context = {
        "application": case,
        "base": base_of(case),
        "amends": isinstance(case, Amendment),
        "sections": shown_answers(case),
        "comments": comments_by_section(case),
        "can_comment": rules.can_comment(person, facts),
        "changes": changed(case),
        "route": route_shown(case, facts),
        "scope": scope,
        "refused": refused,
        "role": rules.deciding_role(person, facts),
        "advice": case.version.advice.select_related("by"),
        "conditions": case.version.conditions.all(),
        "condition_rows": range(1, CONDITION_ROWS + 1),
        "waits_for_panel": facts.waits_for_panel,
        "decisions": states.DECISIONS,
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"decision": "decision-1", "conditions": "condition-1"}),
        "offered": offered(),
        "linkage_label": linkage_label,
        "data_sets": of_tables(scope["tables"]) if scope else [],
    }
    return render(request, "applications/decide.jinja", context, status=400 if errors else 200)


def _after(request: SignedIn, reference: str) -> str:
    """Where somebody goes who has decided: the application, or their tasks where they read no more of it than asked."""
    row = Application.objects.with_facts().get(reference=reference)
    return base_of(row) if rules.can_read(request.user.person, row.facts()) else reverse("tasks")


def _conditions(request: SignedIn) -> list[NewCondition]:
    """The conditions of the form; UsageError for a day without a text, or one that is none."""
    found = []
    for row in range(1, CONDITION_ROWS + 1):
        text = request.POST.get(f"condition-{row}", "").strip()
        by_day = posted_day(request, f"condition-day-{row}")
        if by_day and not text:
            raise UsageError("say what must be met by that day", where=f"condition-{row}")
        if text:
            public = request.POST.get(f"condition-private-{row}") != "yes"
            found.append(NewCondition(text, by_day, public))
    return found


def preview(case: Case) -> tuple[dict[str, Any] | None, str]:
    """The scope that it would become if it were approved now; or None, and why it would be refused."""
    try:
        return compile_scope(case), ""
    except Refused as error:
        return None, error.message


def _decided(case: Case, state: str) -> str:
    what = f"The {case.what} of {case.reference}" if isinstance(case, Amendment) else case.reference
    return {
        "approved": f"{what} is approved. Its scope is signed and its project is being prepared.",
        "conditional": f"{what} is approved on conditions. Its scope is signed once they are met.",
        "refused": f"{what} is refused.",
        "returned": f"{what} was returned to the applicant.",
    }.get(state, f"Your decision on {case.reference} is recorded. Others have still to decide.")


@require_http_methods(["GET", "POST"])
@signed_in
def advise(request: SignedIn, reference: str, which: str = "") -> HttpResponseBase:
    """A member of the public panel reads what is asked for in plain words, and says what they think of it."""
    case = get_case(request, reference, which)
    facts = case.facts()
    rules.check_advise(request.user.person, facts)
    errors: dict[str, str] = {}
    own = case.version.advice.filter(by=request.user).first()
    if request.method == "POST":
        try:
            services.advise(request.user, case, request.POST.get("stance", ""), request.POST.get("text", ""))
            messages.success(request, "Thank you. Those who decide read it.")
            return redirect("applications:detail", reference)
        except LockgateError as error:
            errors = as_errors(error, "text")
    context = {
        "application": case,
        "base": base_of(case),
        "plain": panel_view(case),
        "changes": changed(case),
        "sections": shown_answers(case),
        "comments": comments_by_section(case),
        "can_comment": rules.can_comment(request.user.person, facts),
        "stances": states.ADVICE,
        "stance": request.POST.get("stance", own.stance if own else ""),
        "text": request.POST.get("text", own.text if own else ""),
        "errors": errors,
        "summary": summary(errors, {"stance": "stance-1"}),
    }
    return render(request, "applications/advise.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def comment(request: SignedIn, reference: str, key: str, which: str = "") -> HttpResponseBase:
    """Say something of one section; with a tick, ask for a change of it."""
    case = get_case(request, reference, which)
    facts = case.facts()
    rules.check_comment(request.user.person, facts)
    here = next((part for part in shown_answers(case) if part["section"].key == key), None)
    if here is None:
        raise Http404
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            text, asks = request.POST.get("text", ""), request.POST.get("asks") == "yes"
            services.comment(request.user, case, key, text, asks=asks)
            messages.success(request, f"Your comment on {here['section'].title.lower()} is kept.")
            return redirect(f"{base_of(case)}#read-{key}")
        except LockgateError as error:
            errors = as_errors(error, "text")
    context = {
        "application": case,
        "base": base_of(case),
        "part": here,
        "said": comments_by_section(case).get(key, []),
        "answers": request.user.username == facts.applicant,
        "text": request.POST.get("text", ""),
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "applications/comment.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def interest(request: SignedIn, reference: str) -> HttpResponseBase:
    """Say that one has an interest in the application, and so no say in it."""
    application = get_application(request, reference)
    rules.check_interest(request.user.person, application.facts())
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            services.declare_interest(request.user, application, request.POST.get("text", ""))
            messages.success(request, f"Your interest in {reference} is kept. Others decide on it.")
            return redirect("applications:detail", reference)
        except LockgateError as error:
            errors = as_errors(error, "text")
    context = {"application": application, "errors": errors, "summary": summary(errors)}
    return render(request, "applications/interest.jinja", context, status=400 if errors else 200)


@require_GET
@signed_in
def history(request: SignedIn, reference: str) -> HttpResponseBase:
    """The versions of the answers, and exactly what differs between two of them."""
    application = get_application(request, reference)
    versions = readable(request, application)
    numbers = {str(one.number): one for one in versions}
    new = numbers.get(request.GET.get("to", ""), versions[-1])
    earlier = [one for one in versions if one.number < new.number]
    old = numbers.get(request.GET.get("from", ""), earlier[-1] if earlier else new)
    context = {
        "application": application,
        "versions": versions,
        "old": old,
        "new": new,
        "changes": changes(load(new.bank), application.kind, old.answers, new.answers),
    }
    return render(request, "applications/history.jinja", context)


def readable(request: SignedIn, application: Any) -> list[Version]:
    """The versions that this person may read: what is not handed in yet is its applicant's alone."""
    own = request.user.username == application.applicant.username
    drafts = {item.pk for item in application.amendments.all() if not item.submitted_at}
    found = [
        one
        for one in application.versions.all()
        if own
        or (one.amendment_id not in drafts and (one.submitted_at or one.number <= application.version.number))
    ]
    return sorted(found, key=lambda one: one.number)


@require_POST
@signed_in
def give_up(request: SignedIn, reference: str, which: str = "") -> HttpResponseBase:
    """Refuse what was approved on conditions that are not met."""
    case = get_case(request, reference, which)
    services.give_up(request.user, case, request.POST.get("reason", "") or "Its conditions were not met.")
    messages.success(request, f"{reference} is refused.")
    return redirect("applications:detail", reference)
