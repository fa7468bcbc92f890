"""Pages of one part of a cohort: a group, an event, a person, and what is asked of one. All without JavaScript."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from lockgate.cohorts.domains import by_circe
from lockgate.errors import LockgateError, UsageError
from lockgate.portal import cohort_plane
from lockgate.portal.explore import asked, building, events, services, spots
from lockgate.portal.explore.building_views import PLACES, form_of_request, own_cohort
from lockgate.portal.explore.models import Cohort
from lockgate.portal.explore.shown import group_parts, test_words
from lockgate.portal.pages import SignedIn, as_errors, signed_in, summary
from lockgate.portal.sites import current_site


def _address(cohort: Cohort, spot: str) -> str:
    """Where a part is shown: its own page, else the cohort's."""
    if not spot:
        return f"/explore/{cohort.key}/"
    return f"/explore/{cohort.key}/part/{spot}/"


def _above(cohort: Cohort, spot: str) -> str:
    """Where the part that holds this one is shown: on the cohort's page, where that lists it."""
    holder = spots.parent(spot)
    listed = not holder or (not spots.parent(holder) and not holder.startswith(("entry", "censor")))
    return f"/explore/{cohort.key}/#{PLACES[spot.partition('-')[0]]}" if listed else _address(cohort, holder)


def _trail(cohort: Cohort, spot: str) -> list[dict[str, str]]:
    """The parts around this one, the outermost first."""
    names = {"near": "around it", "event": "event", "person": "person", "group": "group", "entry": "entry event",
             "censor": "leaving event", "rule": "rule", "additional": "additional criteria"}  # fmt: skip
    found = []
    while spot := spots.parent(spot):
        *_, name, number = ["", *spot.split("-")]
        text = f"{names[name]} {int(number) + 1}" if number.isdecimal() else names[number]
        found.append({"text": text[:1].upper() + text[1:], "href": _address(cohort, spot)})
    return [{"text": cohort.title, "href": f"/explore/{cohort.key}/"}, *found[::-1]]


@require_http_methods(["GET", "POST"])
@signed_in
def part(request: SignedIn, key: uuid.UUID, spot: str) -> HttpResponseBase:
    """One part, by its address; a new one where that ends with ``new``."""
    cohort = own_cohort(request, key)
    try:
        kind = spots.kind_of(cohort.expression, spot)
    except (UsageError, ValueError, KeyError, IndexError) as error:
        raise Http404 from error
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            return redirect(_act(request, cohort, spot, kind))
        except LockgateError as error:
            errors = as_errors(error, "how" if kind == "group" else "kind")
    context = {
        "cohort": cohort,
        "spot": spot,
        "new": spots.is_new(spot),
        "counted": kind == "event" and spots.is_counted(cohort.expression, spot),
        "trail": _trail(cohort, spot),
        "back": _above(cohort, spot),
        "errors": errors,
        "summary": summary(errors),
        **(_group_context if kind == "group" else _event_context)(request, cohort, spot),
    }
    template = "group" if kind == "group" else "event" if kind == "event" else "person"
    return render(request, f"explore/{template}.jinja", context, status=400 if errors else 200)


def _act(request: SignedIn, cohort: Cohort, spot: str, kind: str) -> str:
    """Do what a part's form says; where the page goes on."""
    action, form = request.POST.get("action", "save"), form_of_request(request)
    expression, goes = cohort.expression, _above(cohort, spot)
    if action == "remove":
        changed = spots.removed(expression, spot)
    elif action == "remove_part":
        changed, goes = spots.removed(expression, form.get("place", "")), _address(cohort, spot)
    elif action == "add_group":
        changed, made = spots.with_group(
            expression, f"{spot}-group-new" if kind == "group" else f"{spot}-near"
        )
        goes = _address(cohort, made)
    elif action == "remove_test":
        changed, goes = copy.deepcopy(expression), _address(cohort, spot)
        asked.without(_fields(changed, spot)[1], form.get("place", ""))
    elif kind == "group":
        changed = building.set_group(expression, spot, form)
    elif kind == "person":
        changed, made = spots.added(expression, spot, {}) if spots.is_new(spot) else (expression, spot)
        goes = _address(cohort, made)
    elif spots.is_new(spot):
        changed, made = events.add(expression, spot, _with_unit(form))
        goes = _address(cohort, made) if form.get("more") == "yes" else goes
    else:
        changed = events.change(expression, spot, form)
    services.change(request.user, cohort, building.checked(changed), f"{action} {spot}")
    return goes


def _with_unit(form: dict[str, str]) -> dict[str, str]:
    """The form with the name of its unit."""
    if form.get("unit", "").isdigit():
        unit = cohort_plane.concepts(current_site(), [int(form["unit"])]).get(int(form["unit"]))
        if unit is None:
            raise UsageError("The vocabulary has no concept of that id", where="unit")
        form["unit_name"] = unit["name"]
    return form


def _fields(expression: building.Expression, spot: str) -> tuple[str, dict[str, Any]]:
    """The kind of an event (none of a person), and the fields that say what it must be."""
    found = spots.part_at(expression, spot)
    if found.kind == "person":
        return "", found.told
    if found.kind == "group":
        raise spots.missing()
    return spots.criterion_of(found)


def _group_context(request: SignedIn, cohort: Cohort, spot: str) -> dict[str, Any]:
    told = spots.part_at(cohort.expression, spot).told
    form = {"how": str(told.get("Type", "ALL")).upper(), "how_many": str(told.get("Count") or "")}
    rule = None
    if spot.startswith("rule-") and not spots.parent(spot):
        rule = building.find_rule(cohort.expression, int(spot.split("-")[1]))
        form |= {"rule_name": rule.get("name") or "", "rule_description": rule.get("description") or ""}
    return {
        "group": group_parts(cohort.expression, spot),
        "groups": building.GROUPS,
        "rule": rule,
        "posted": request.POST if request.method == "POST" else form,
    }


def _event_context(request: SignedIn, cohort: Cohort, spot: str) -> dict[str, Any]:
    new = spots.is_new(spot)
    kind, fields = ("", {}) if new else _fields(cohort.expression, spot)
    form: dict[str, str] = {}
    if not new and kind:
        form = events.form_of(cohort.expression, spot)
    near = fields.get("CorrelatedCriteria")
    return {
        "kind": kind,
        "kinds": events.kinds(),
        "domain": by_circe().get(kind),
        "sets": building.sets(cohort.expression),
        "occurrences": events.OCCURRENCES,
        "distinct": events.distinct(kind),
        "periods": kind in events.PERIODS,
        "tests": [] if new else test_words(cohort.expression, spot, asked.asked(fields, kind)),
        "attributes": [] if new else asked.choices(kind),
        "near": near and group_parts(cohort.expression, f"{spot}-near"),
        "posted": request.POST if request.method == "POST" else form,
    }


@require_http_methods(["GET", "POST"])
@signed_in
def test(request: SignedIn, key: uuid.UUID, spot: str) -> HttpResponseBase:
    """What one attribute of an event or a person must be: ``?attribute=`` names it."""
    cohort = own_cohort(request, key)
    name = request.GET.get("attribute", "")
    try:
        kind, fields = _fields(cohort.expression, spot)
        attribute = asked.find(kind, name)
    except (UsageError, ValueError, KeyError, IndexError) as error:
        raise Http404 from error
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            changed = copy.deepcopy(cohort.expression)
            known = {one["id"] for one in building.sets(changed)}
            form = form_of_request(request)
            if name == "Gender" and request.POST.getlist("sex"):
                form["concepts"] = ",".join(request.POST.getlist("sex"))
            asked.put(_fields(changed, spot)[1], kind, name, form, known, _names)
            services.change(request.user, cohort, building.checked(changed), f"{name} of {spot}")
            return redirect(_address(cohort, spot))
        except LockgateError as error:
            errors = as_errors(error, "op")
    form = asked.form_of(fields, kind, name)
    context = {
        "cohort": cohort,
        "name": name,
        "label": asked.label(name),
        "sort": attribute.kind,
        "sexes": building.SEXES if name == "Gender" else {},
        "chosen": form.get("concepts", "").replace(" ", "").split(","),
        "ops": {"interval": asked.RANGES, "days": asked.DAYS, "words": asked.TEXTS}.get(attribute.kind, {}),
        "unit_first": name == asked.NEEDS_UNIT and "Unit" in asked.attributes(kind),
        "has_unit": bool(fields.get("Unit") or fields.get("UnitCS")),
        "sets": building.sets(cohort.expression),
        "trail": [*_trail(cohort, spot), {"text": "What it must be", "href": _address(cohort, spot)}],
        "back": _address(cohort, spot),
        "posted": request.POST if request.method == "POST" else form,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "explore/test.jinja", context, status=400 if errors else 200)


def _names(ids: list[int]) -> dict[int, str]:
    found = {number: told["name"] for number, told in cohort_plane.concepts(current_site(), ids).items()}
    return {**{one: name for one, name in building.SEXES.items() if one in ids}, **found}
