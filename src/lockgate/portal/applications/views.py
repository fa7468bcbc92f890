"""Pages of applications: start, answer section by section, check, submit, decide."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError, Refused
from lockgate.portal import plane
from lockgate.portal.accounts.rules import can, check
from lockgate.portal.applications import rules, services
from lockgate.portal.applications.answers import read_post
from lockgate.portal.applications.bank import KIND_HINTS, KINDS, Section, load
from lockgate.portal.applications.catalogue import groups, linkage_label, offered
from lockgate.portal.applications.models import Application
from lockgate.portal.applications.pdf import as_pdf
from lockgate.portal.applications.scopes import compile_scope
from lockgate.portal.applications.shown import shown_answers
from lockgate.portal.pages import SignedIn, as_errors, page_of, pagination, signed_in, summary
from lockgate.portal.sites import current_site
from lockgate.portal.turnaround.services import clock

MAX_IMPORT = 1024 * 1024


def _get(request: SignedIn, reference: str) -> Application:
    """The application, if this person may read it; else 404, which says nothing about whether it is there."""
    application = Application.objects.select_related("applicant").filter(reference=reference).first()
    if application is None or not rules.can_read(request.user.person, application.facts()):
        raise Http404
    return application


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
def detail(request: SignedIn, reference: str) -> HttpResponseBase:
    """The task list while it is being written; afterwards what was said, decided and issued."""
    application = _get(request, reference)
    facts, person = application.facts(), request.user.person
    context: dict[str, Any] = {"application": application, "facts": facts, "states": rules.STATES}
    if rules.can_edit(person, facts):
        found = services.problems(application)
        context.update(
            sections=_sections(application, found), ready=not found, returned=_returned(application)
        )
        return render(request, "applications/tasks.jinja", context)
    decisions = application.standing()
    context.update(
        sections=shown_answers(application),
        decisions=decisions,
        project=getattr(application, "project", None),
        can_decide=rules.can_decide(person, facts),
        can_withdraw=rules.can_withdraw(person, facts),
        can_revoke=rules.can_revoke(person, facts),
        can_advise=rules.can_advise(person, facts),
        advice=application.version.advice.select_related("by"),
        waiting=facts.open_roles(),
        clock=clock(application),
    )
    return render(request, "applications/detail.jinja", context)


def _returned(application: Application) -> list[Any]:
    """The notes of the deciders who sent the application back."""
    version = application.version
    if application.state != "returned" or version.number < 2:
        return []
    before = application.versions.get(number=version.number - 1)
    return list(before.decisions.filter(decision="return").select_related("by"))


def _sections(application: Application, found: dict[str, str]) -> list[dict[str, Any]]:
    answers = application.answers
    rows = []
    for section in load(application.version.bank).sections:
        asked = [question for question in section.questions if question.asked(application.kind, answers)]
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
def section(request: SignedIn, reference: str, key: str) -> HttpResponseBase:
    """One section's questions. Posting keeps every answer that can stand."""
    application = _get(request, reference)
    rules.check_edit(request.user.person, application.facts())
    bank = load(application.version.bank)
    here = bank.section(key)
    answers, errors = dict(application.answers), {}
    if request.method == "POST":
        asked = [
            question
            for question in here.questions
            if question.asked(application.kind, _merged(request, here, answers))
        ]
        raw = {question.key: read_post(question, request.POST) for question in asked}
        errors = services.save_answers(request.user, application, raw)
        application.refresh_from_db()
        answers = dict(application.answers)
        if request.POST.get("action") == "add":
            return redirect(f"{request.path}?rows={len(answers.get('people') or []) + 2}#people")
        if request.POST.get("action") != "later":
            errors = {**_section_problems(application, here), **errors}
        if not errors:
            return redirect("applications:detail", application.reference)
        answers.update({question.key: raw[question.key] for question in asked if question.key in errors})
    context = {
        "application": application,
        "section": here,
        "questions": [question for question in here.questions if _shown(question, application.kind)],
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


def _section_problems(application: Application, here: Section) -> dict[str, str]:
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
def check_answers(request: SignedIn, reference: str) -> HttpResponseBase:
    """Everything on one page, then hand it in."""
    application = _get(request, reference)
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
    return render(request, "applications/submitted.jinja", {"application": _get(request, reference)})


@require_http_methods(["GET", "POST"])
@signed_in
def decide(request: SignedIn, reference: str) -> HttpResponseBase:
    """The answers, exactly what would be visible, and the decision."""
    application = _get(request, reference)
    facts, person = application.facts(), request.user.person
    rules.check_decide(person, facts)
    errors: dict[str, str] = {}
    if request.method == "POST":
        decision = request.POST.get("decision", "")
        if decision not in rules.DECISIONS:
            errors["decision"] = "Choose a decision"
        else:
            try:
                state = services.decide(request.user, application, decision, request.POST.get("note", ""))
                messages.success(request, _decided(application.reference, state))
                return redirect("applications:detail", application.reference)
            except Refused as error:
                errors = {error.where or "decision": "; ".join(error.reasons) or error.message}
    scope, refused = _preview(application)
    context = {
        "application": application,
        "sections": shown_answers(application),
        "scope": scope,
        "refused": refused,
        "role": rules.deciding_role(person, facts),
        "advice": application.version.advice.select_related("by"),
        "waits_for_panel": facts.waits_for_panel,
        "decisions": rules.DECISIONS,
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"decision": "decision-1"}),
        "offered": offered(),
        "linkage_label": linkage_label,
    }
    return render(request, "applications/decide.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def advise(request: SignedIn, reference: str) -> HttpResponseBase:
    """A member of the public panel reads what is asked for, and says what they think of it."""
    application = _get(request, reference)
    rules.check_advise(request.user.person, application.facts())
    errors: dict[str, str] = {}
    own = application.version.advice.filter(by=request.user).first()
    if request.method == "POST":
        try:
            services.advise(
                request.user, application, request.POST.get("stance", ""), request.POST.get("text", "")
            )
            messages.success(request, "Thank you. Those who decide read it.")
            return redirect("applications:detail", application.reference)
        except LockgateError as error:
            errors = as_errors(error, "text")
    context = {
        "application": application,
        "sections": shown_answers(application),
        "stances": rules.ADVICE,
        "stance": request.POST.get("stance", own.stance if own else ""),
        "text": request.POST.get("text", own.text if own else ""),
        "errors": errors,
        "summary": summary(errors, {"stance": "stance-1"}),
    }
    return render(request, "applications/advise.jinja", context, status=400 if errors else 200)


def _preview(application: Application) -> tuple[dict[str, Any] | None, str]:
    try:
        return compile_scope(application), ""
    except Refused as error:
        return None, error.message


def _decided(reference: str, state: str) -> str:
    return {
        "approved": f"{reference} is approved. Its scope is signed and its project is being prepared.",
        "refused": f"{reference} is refused.",
        "returned": f"{reference} was returned to the applicant.",
    }.get(state, f"Your decision on {reference} is recorded. Others have still to decide.")


@require_POST
@signed_in
def withdraw(request: SignedIn, reference: str) -> HttpResponseBase:
    """The applicant takes it back."""
    services.withdraw(request.user, _get(request, reference))
    messages.success(request, f"{reference} is withdrawn.")
    return redirect("applications:detail", reference)


@require_http_methods(["GET", "POST"])
@signed_in
def revoke(request: SignedIn, reference: str) -> HttpResponseBase:
    """Stop an approved use."""
    application = _get(request, reference)
    rules.check_revoke(request.user.person, application.facts())
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            services.revoke(request.user, application, request.POST.get("reason", ""))
            messages.success(request, f"{reference} is revoked. Nothing can be run or released any more.")
            return redirect("applications:detail", reference)
        except Refused as error:
            errors = as_errors(error, "reason")
    context = {"application": application, "errors": errors, "summary": summary(errors)}
    return render(request, "applications/revoke.jinja", context, status=400 if errors else 200)


@require_GET
@signed_in
def export_pdf(request: SignedIn, reference: str) -> HttpResponseBase:
    """The application as a PDF, its answers attached."""
    application = _get(request, reference)
    content = as_pdf(application, services.export_file(application))
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{application.slug}.pdf"'
    return response


@require_GET
@signed_in
def export(request: SignedIn, reference: str) -> HttpResponseBase:
    """The application as a file that can be brought in again."""
    application = _get(request, reference)
    content = json.dumps(services.export_file(application), indent=2, ensure_ascii=False)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{application.slug}.json"'
    return response
