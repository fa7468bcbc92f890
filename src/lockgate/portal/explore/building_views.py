"""Pages on which a cohort is built. Each change is one form; every page works without JavaScript."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from lockgate.errors import LockgateError, UsageError
from lockgate.portal import cohort_plane
from lockgate.portal.explore import building, rules, services, spots
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
    "remove_part": lambda r, c: spots.removed(c.expression, r.POST.get("place", "")),
    "set_entry": lambda r, c: building.set_entry(c.expression, form_of_request(r)),
    "add_additional": lambda r, c: spots.with_group(c.expression, "additional")[0],
    "add_rule": lambda r, c: building.add_rule(c.expression, form_of_request(r)),
    "remove_rule": lambda r, c: building.remove_rule(c.expression, _place(r)),
    "add_demographics": lambda r, c: building.add_demographics(
        c.expression, form_of_request(r), r.POST.getlist("sex")
    ),
    "set_exit": lambda r, c: building.set_exit(c.expression, form_of_request(r)),
}
CODED = ("ICD10", "OPCS4", "SNOMED", "dm+d", "LOINC")
# where the page goes on after a change
ANCHORS = {
    "set": "sets",
    "entry": "events",
    "rule": "rules",
    "demographics": "rules",
    "exit": "end",
    "additional": "events",
}
PLACES = {"entry": "events", "additional": "events", "censor": "end", "rule": "rules"}


def form_of_request(request: SignedIn) -> dict[str, str]:
    return {key: str(value) for key, value in request.POST.items()}


def own_cohort(request: SignedIn, key: uuid.UUID) -> Cohort:
    cohort = get_cohort(request, key)
    rules.check_edit(request.user.person, cohort.facts())
    return cohort


@require_POST
@signed_in
def edit(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """One change of the cohort; what is wrong with it comes back on the page."""
    cohort = own_cohort(request, key)
    action = request.POST.get("action", "")
    what = action.partition("_")[2]
    anchor = ANCHORS.get(what) or PLACES.get(request.POST.get("place", what).partition("-")[0], "")
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


def _with_codes(request: SignedIn, cohort: Cohort, number: int) -> Expression:
    """The cohort with a code list in a set: a file, a text, or one of the library."""
    upload, text = request.FILES.get("codes_file"), request.POST.get("codes", "")
    listed = request.POST.get("list", "").strip()
    try:
        if listed:
            codes = cohort_plane.library_codes(current_site(), listed)
        elif upload is not None and (upload.size or 0) > rules.MAX_BYTES:
            raise UsageError("The file is larger than 1 MB", where="codes")
        else:
            content = upload.read() if upload is not None else text.encode()
            if not content.strip():
                raise UsageError("Give codes, a file of them, or a code list of the library", where="codes")
            codes = cohort_plane.read_codes(content, request.POST.get("vocabulary", ""))
        found = cohort_plane.coded_concepts(current_site(), codes)
    except UsageError as error:
        place = error.where.partition(":")[2].strip() if error.where.startswith("codes:") else ""
        said = f"{place}: {error.message}" if place else error.message
        raise UsageError(said, where="list" if listed else "codes", remedy=error.remedy) from error
    messages.success(request, f"{len(codes):,} codes: the {len(found):,} concepts of them are in the set.")
    return building.add_concepts(
        cohort.expression, number, list(found.values()), descendants=True, excluded=False
    )


@require_http_methods(["GET", "POST"])
@signed_in
def concepts(request: SignedIn, key: uuid.UUID, number: int) -> HttpResponseBase:
    """A concept set: what is in it, and a search for what to add."""
    cohort = own_cohort(request, key)
    concept_set = building.find_set(cohort.expression, number)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            if request.POST.get("action") == "codes":
                changed = _with_codes(request, cohort, number)
            elif request.POST.get("remove"):
                changed = building.remove_concept(cohort.expression, number, _place(request, "remove"))
            else:
                chosen = [int(one) for one in request.POST.getlist("concept") if one.isdigit()][:200]
                known = cohort_plane.concepts(current_site(), chosen)
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
        "below": {
            one: told["descendants"] for one, told in cohort_plane.concepts(current_site(), ids).items()
        },
        "found": [one for one in found if one["concept_id"] not in held],
        "q": request.GET.get("q", ""),
        "asked": "q" in request.GET and not wrong,
        "domain": request.GET.get("domain", ""),
        "domains": DOMAINS,
        "vocabularies": CODED,
        "lists": [one for one in cohort_plane.library_found(current_site()) if one["kind"] == "codelist"],
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"concept": "concept-1"}),
    }
    return render(request, "explore/concepts.jinja", context, status=400 if errors else 200)
