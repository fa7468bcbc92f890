"""Pages of applications: start, answer section by section, check, submit, read. Deciding is in ``deciding_views``."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError, Refused
from lockgate.portal import plane
from lockgate.portal.accounts.rules import can, check
from lockgate.portal.applications import rules, services
from lockgate.portal.applications.amending import RENEWABLE
from lockgate.portal.applications.answers import read_post
from lockgate.portal.applications.bank import KIND_HINTS, KINDS, Section, load
from lockgate.portal.applications.catalogue import groups, linkage_label, offered
from lockgate.portal.applications.facts import conditions_of
from lockgate.portal.applications.models import Amendment, Application, Case
from lockgate.portal.applications.reading import (
    base_of,
    changed,
    comments_by_section,
    get_application,
    get_case,
    returned,
    route_shown,
)
from lockgate.portal.applications.shown import shown_answers
from lockgate.portal.pages import SignedIn, as_errors, page_of, pagination, signed_in, summary
from lockgate.portal.sites import current_site
from lockgate.portal.turnaround.services import clock

MAX_IMPORT = 1024 * 1024


def visible(request: SignedIn) -> QuerySet[Application]:
    """The applications that this person may read."""
    person = request.user.person
    rows = Application.objects.select_related("applicant")
    own = Q(applicant=request.user) | Q(project__member_rows__username=person.username)
    if can(person, "application.read_all"):
        return rows.filter(own | ~Q(state="draft")).distinct()
    return rows.filter(own).distinct()


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """The applications that this person may read."""
    page = page_of(request, visible(request))
    return render(request, "applications/list.jinja", {"page": page, "pagination": pagination(request, page)})


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: SignedIn) -> HttpResponseBase:
    """Choose the kind, or bring an application in from a file."""
    check(request.user.person, "application.create")
    errors: dict[str, str] = {}
    if request.method == "POST":
        upload = request.FILES.get("file")
        try:
            if upload is not None:
                if upload.size is None or upload.size > MAX_IMPORT:
                    raise Refused("the file is larger than 1 MB", where="file")
                application = services.import_file(request.user, upload.read(), where="file")
                return redirect("applications:detail", application.reference)
            if request.POST.get("kind") in KINDS:
                application = services.create(request.user, request.POST["kind"])
                return redirect("applications:detail", application.reference)
            errors = {"kind": "Choose what kind of use it is, or choose a file"}
        except LockgateError as error:
            errors = as_errors(error, "file")
    context = {"kinds": KINDS, "hints": KIND_HINTS, "errors": errors, "summary": summary(errors)}
    return render(request, "applications/new.jinja", context, status=400 if errors else 200)


@require_GET
@signed_in
def detail(request: SignedIn, reference: str, which: str = "") -> HttpResponseBase:
    """The task list while it is being written; afterwards what was said, decided and issued."""
    case = get_case(request, reference, which)
    facts, person = case.facts(), request.user.person
    context: dict[str, Any] = {"application": case, "base": base_of(case), "facts": facts}
    if rules.can_edit(person, facts):
        found = services.problems(case)
        notes, said = returned(case)
        context.update(sections=_sections(case, found), ready=not found, returned=notes, comments=said)
        return render(request, "applications/tasks.jinja", context)
    application = case.application
    standing = case is application
    context.update(
        sections=shown_answers(case),
        comments=comments_by_section(case),
        route=route_shown(case, facts),
        changes=changed(case) if not standing else [],
        conditions=conditions_of(case),
        amendments=[item for item in application.amendments.all() if item.state != "draft"],
        amendment=application.amendment if standing else None,
        project=getattr(application, "project", None),
        days_left=(application.valid_until - timezone.localdate()).days if application.valid_until else None,
        interests=application.interests.all(),
        can_decide=rules.can_decide(person, facts),
        can_withdraw=rules.can_withdraw(person, facts),
        can_revoke=standing and rules.can_revoke(person, facts),
        can_suspend=standing and rules.can_suspend(person, facts),
        can_resume=standing and rules.can_resume(person, facts),
        can_amend=standing and rules.can_amend(person, facts, open_already=application.amendment is not None),
        can_advise=rules.can_advise(person, facts),
        can_comment=rules.can_comment(person, facts),
        can_declare=standing and rules.can_declare(person, facts),
        advice=case.version.advice.select_related("by"),
        clock=clock(application) if standing else None,
    )
    return render(request, "applications/detail.jinja", context)


def _sections(application: Case, found: dict[str, str]) -> list[dict[str, Any]]:
    answers = application.answers
    rows = []
    for section in load(application.version.bank).sections:
        asked = [
            question
            for question in section.questions
            if question.asked(application.kind, answers) and _offered(question, application)
        ]
        if not asked:
            continue
        missing = [question for question in asked if question.key in found]
        started = any(question.key in answers for question in asked)
        state = "incomplete" if started else "not started"
        rows.append(
            {"section": section, "state": "completed" if not missing else state, "missing": len(missing)}
        )
    return rows


@require_http_methods(["GET", "POST"])
@signed_in
def section(request: SignedIn, reference: str, key: str, which: str = "") -> HttpResponseBase:
    """One section's questions. Posting keeps every answer that can stand."""
    application = get_case(request, reference, which)
    rules.check_edit(request.user.person, application.facts())
    bank = load(application.version.bank)
    here = bank.section(key)
    answers, errors = dict(application.answers), {}
    if request.method == "POST":
        asked = [
            question
            for question in here.questions
            if question.asked(application.kind, _merged(request, here, answers))
            and _offered(question, application)
        ]
        raw = {question.key: read_post(question, request.POST) for question in asked}
        errors = services.save_answers(request.user, application, raw)
        application = get_case(request, reference, which)
        answers = dict(application.answers)
        if request.POST.get("action") == "add":
            return redirect(f"{request.path}?rows={len(answers.get('people') or []) + 2}#people")
        if request.POST.get("action") != "later":
            errors = {**_section_problems(application, here), **errors}
        if not errors:
            return redirect(base_of(application))
        answers.update({question.key: raw[question.key] for question in asked if question.key in errors})
    context = {
        "application": application,
        "base": base_of(application),
        "section": here,
        "comments": returned(application)[1].get(here.key, []),
        "questions": [question for question in here.questions if _offered(question, application)],
        "answers": answers,
        "errors": errors,
        "summary": summary(errors, _anchor_ids(here)),
        "groups": groups(),
        "offered": offered(),
        "linkage_label": linkage_label,
        "partners": plane.partners(current_site()),
        "rows": max(
            int(request.GET.get("rows", "0") or 0) if request.GET.get("rows", "0").isdigit() else 0, 1
        ),
    }
    return render(request, "applications/section.jinja", context, status=400 if errors else 200)


def _merged(request: HttpRequest, here: Section, answers: dict[str, Any]) -> dict[str, Any]:
    """Answers with this form's choices: they decide which follow-up questions count."""
    posted = {
        question.key: request.POST.get(question.key, "")
        for question in here.questions
        if question.widget == "choice"
    }
    return {**answers, **posted}


def _shown(question: Any, kind: str) -> bool:
    """On its page, a follow-up question is always there: without JavaScript nothing can appear later."""
    return not question.kinds or kind in question.kinds


def _offered(question: Any, case: Case) -> bool:
    """A renewal asks for the last day alone."""
    renews = isinstance(case, Amendment) and case.what == "renewal"
    return _shown(question, case.kind) and (not renews or question.key in RENEWABLE)


def _section_problems(application: Case, here: Section) -> dict[str, str]:
    keys = {question.key for question in here.questions}
    return {key: message for key, message in services.problems(application).items() if key in keys}


def _anchor_ids(here: Section) -> dict[str, str]:
    """Where an error in the summary leads: the first field of the question."""
    suffix = {"date": "-day", "people": "-username-1", "cohort": "-who-1"}
    return {
        question.key: question.key + suffix[question.widget]
        for question in here.questions
        if question.widget in suffix
    }


@require_http_methods(["GET", "POST"])
@signed_in
def check_answers(request: SignedIn, reference: str, which: str = "") -> HttpResponseBase:
    """Everything on one page, then hand it in."""
    application = get_case(request, reference, which)
    rules.check_edit(request.user.person, application.facts())
    found = services.problems(application)
    errors: dict[str, str] = {}
    if request.method == "POST":
        if request.POST.get("declare") != "yes":
            errors["declare"] = "Confirm that what you say is right"
        else:
            try:
                services.submit(request.user, application)
                return redirect("applications:submitted", application.reference)
            except Refused as error:
                errors = as_errors(error, "declare")
    context = {
        "application": application,
        "base": base_of(application),
        "changes": changed(application),
        "sections": shown_answers(application),
        "problems": found,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "applications/check.jinja", context, status=400 if errors else 200)


@require_GET
@signed_in
def submitted(request: SignedIn, reference: str) -> HttpResponseBase:
    """What happens next."""
    application = get_application(request, reference)
    case = application.amendment or application
    facts = case.facts()
    context = {
        "application": application,
        "case": case,
        "route": route_shown(case, facts),
        "waits_for_panel": facts.waits_for_panel,
        "by_rule": application.fast_path,
    }
    return render(request, "applications/submitted.jinja", context)


@require_POST
@signed_in
def withdraw(request: SignedIn, reference: str, which: str = "") -> HttpResponseBase:
    """The applicant takes the application, or the amendment, back."""
    services.withdraw(request.user, get_case(request, reference, which))
    what = "The amendment" if which else reference
    messages.success(request, f"{what} is withdrawn.")
    return redirect("applications:detail", reference)


@require_GET
@signed_in
def export_pdf(request: SignedIn, reference: str) -> HttpResponseBase:
    """The application as a PDF, its answers attached."""
    application = get_application(request, reference)
    from lockgate.portal.applications.pdf import as_pdf  # it takes a while to import

    content = as_pdf(application, services.export_file(application))
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{application.slug}.pdf"'
    return response


@require_GET
@signed_in
def export(request: SignedIn, reference: str) -> HttpResponseBase:
    """The application as a file that can be brought in again."""
    application = get_application(request, reference)
    content = json.dumps(services.export_file(application), indent=2, ensure_ascii=False)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{application.slug}.json"'
    return response
