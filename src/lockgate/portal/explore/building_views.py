"""Pages on which a cohort is built. Each change is one form; every page works without JavaScript."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from lockgate.errors import LockgateError, UsageError
from lockgate.portal import plane
from lockgate.portal.explore import building, rules, services
from lockgate.portal.explore.building import Expression
from lockgate.portal.explore.models import Cohort
from lockgate.portal.explore.typed import whole
from lockgate.portal.explore.views import DOMAINS, cohort_context, found_concepts, get_cohort
from lockgate.portal.pages import SignedIn, as_errors, signed_in, summary
from lockgate.portal.sites import current_site

Change = Callable[[SignedIn, Cohort], Expression]


def _place(request: SignedIn, name: str = "place") -> int:
    found = whole(request.POST.get(name, ""), name, most=10**6)
    return -1 if found is None else found


CHANGES: dict[str, Change] = {
    "remove_set": lambda r, c: building.remove_set(c.expression, _place(r)),
    "remove_entry": lambda r, c: building.remove_entry(c.expression, _place(r)),
    "set_entry": lambda r, c: building.set_entry(c.expression, _form(r)),
    "add_rule": lambda r, c: building.add_rule(c.expression, _form(r)),
    "remove_rule": lambda r, c: building.remove_rule(c.expression, _place(r)),
    "remove_condition": lambda r, c: building.remove_condition(c.expression, _place(r, "rule"), _place(r)),
    "remove_people": lambda r, c: building.remove_condition(
        c.expression, _place(r, "rule"), _place(r), "DemographicCriteriaList"
    ),
    "add_demographics": lambda r, c: building.add_demographics(c.expression, _form(r), r.POST.getlist("sex")),
    "set_exit": lambda r, c: building.set_exit(c.expression, _form(r)),
}
# where the page goes on after a change
ANCHORS = {"set": "sets", "entry": "events", "rule": "rules", "condition": "rules", "people": "rules",
           "demographics": "rules", "exit": "end"}  # fmt: skip


def _form(request: SignedIn) -> dict[str, str]:
    return {key: str(value) for key, value in request.POST.items()}


def _own(request: SignedIn, key: uuid.UUID) -> Cohort:
    cohort = get_cohort(request, key)
    rules.check_edit(request.user.person, cohort.facts())
    return cohort


@require_POST
@signed_in
def edit(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """One change of the cohort; what is wrong with it comes back on the page."""
    cohort = _own(request, key)
    action = request.POST.get("action", "")
    anchor = ANCHORS.get(action.partition("_")[2], "")
    try:
        if action == "add_set":
            changed, number = building.add_set(cohort.expression, request.POST.get("set_name", ""))
            services.change(request.user, cohort, changed, action)
            return redirect("explore:concepts", cohort.key, number)
        if action == "save":
            version = services.save_version(request.user, cohort, request.POST.get("note", ""))
            messages.success(request, f"Version {version.number} is saved.")
        elif action == "restore":
            services.restore(request.user, cohort, _place(request))
            messages.success(request, "You go on from that version.")
        elif action == "rename":
            services.rename(request.user, cohort, request.POST.get("title", ""))
        elif action in CHANGES:
            services.change(request.user, cohort, CHANGES[action](request, cohort), action)
        else:
            raise UsageError("there is no such change", where="action", remedy="load the page again")
    except LockgateError as error:
        errors = as_errors(error, "title")
        context = {
            **cohort_context(request, cohort),
            "errors": errors,
            "posted": request.POST,
            "summary": summary(errors, {"how": "how", "exit": "exit-1"}),
        }
        return render(request, "explore/cohort.jinja", context, status=400)
    return redirect(f"/explore/{cohort.key}/{'#' + anchor if anchor else ''}")


@require_http_methods(["GET", "POST"])
@signed_in
def concepts(request: SignedIn, key: uuid.UUID, number: int) -> HttpResponseBase:
    """A concept set: what is in it, and a search for what to add."""
    cohort = _own(request, key)
    concept_set = building.find_set(cohort.expression, number)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            if request.POST.get("remove"):
                changed = building.remove_concept(cohort.expression, number, _place(request, "remove"))
            else:
                chosen = [int(one) for one in request.POST.getlist("concept") if one.isdigit()][:200]
                known = plane.concepts(current_site(), chosen)
                changed = building.add_concepts(
                    cohort.expression,
                    number,
                    [known[one] for one in chosen if one in known],
                    descendants=request.POST.get("descendants") == "yes",
                    excluded=request.POST.get("excluded") == "yes",
                )
            services.change(request.user, cohort, changed, f"concept set {number}")
            query = f"?{request.GET.urlencode()}" if request.GET else ""
            return redirect(f"{request.path}{query}")
        except LockgateError as error:
            errors = as_errors(error, "concept")
    found, wrong = found_concepts(request)
    errors = {**wrong, **errors}
    held = {item["concept"]["CONCEPT_ID"] for item in building.items(concept_set)}
    ids = [one["concept"]["CONCEPT_ID"] for one in building.items(concept_set)]
    context = {
        "cohort": cohort,
        "set": concept_set,
        "lines": building.items(concept_set),
        "below": {one: told["descendants"] for one, told in plane.concepts(current_site(), ids).items()},
        "found": [one for one in found if one["concept_id"] not in held],
        "q": request.GET.get("q", ""),
        "asked": "q" in request.GET and not wrong,
        "domain": request.GET.get("domain", ""),
        "domains": DOMAINS,
        "errors": errors,
        "summary": summary(errors, {"concept": "concept-1"}),
    }
    return render(request, "explore/concepts.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def entry(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Another event by which people enter."""
    cohort = _own(request, key)
    return _event_page(
        request, cohort, lambda form: building.add_entry(cohort.expression, form), "add_entry", rule=None
    )


@require_http_methods(["GET", "POST"])
@signed_in
def condition(request: SignedIn, key: uuid.UUID, rule: int) -> HttpResponseBase:
    """Another condition of a rule."""
    cohort = _own(request, key)
    building.find_rule(cohort.expression, rule)
    return _event_page(
        request,
        cohort,
        lambda form: building.add_condition(cohort.expression, rule, form),
        "add_condition",
        rule=rule,
    )


def _event_page(
    request: SignedIn,
    cohort: Cohort,
    made: Callable[[dict[str, str]], Expression],
    what: str,
    *,
    rule: int | None,
) -> HttpResponseBase:
    errors: dict[str, str] = {}
    if request.method == "POST":
        form = _form(request)
        try:
            if form.get("unit", "").isdigit():
                unit = plane.concepts(current_site(), [int(form["unit"])]).get(int(form["unit"]))
                if unit is None:
                    raise UsageError("The vocabulary has no concept of that id", where="unit")
                form["unit_name"] = unit["name"]
            services.change(request.user, cohort, made(form), what)
            return redirect(f"/explore/{cohort.key}/#{'events' if rule is None else 'rules'}")
        except LockgateError as error:
            errors = as_errors(error, "kind")
    posted: dict[str, Any] = dict(request.POST.items())
    context = {
        "cohort": cohort,
        "rule": None if rule is None else building.find_rule(cohort.expression, rule),
        "sets": building.sets(cohort.expression),
        "kinds": building.KINDS,
        "occurrences": building.OCCURRENCES,
        "posted": posted,
        "errors": errors,
        "summary": summary(errors, {"kind": "kind", "set": "set"}),
    }
    return render(request, "explore/event.jinja", context, status=400 if errors else 200)
