"""Pages for people and their roles."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from lockgate.errors import LockgateError, UsageError
from lockgate.portal.accounts import services
from lockgate.portal.accounts.models import Organisation, User
from lockgate.portal.accounts.organisation import configured, provider_id
from lockgate.portal.accounts.provider import login
from lockgate.portal.accounts.rules import PERMISSIONS, ROLES, check
from lockgate.portal.accounts.second_factor import is_set_up
from lockgate.portal.accounts.training import required_courses
from lockgate.portal.pages import SignedIn, as_errors, page_of, pagination, posted_day, signed_in, summary
from lockgate.portal.sites import current_site


@require_GET
@signed_in
def people(request: SignedIn) -> HttpResponseBase:
    """All accounts with their roles, and the permission matrix."""
    check(request.user.person, "people.manage")
    page = page_of(
        request, User.objects.select_related("organisation").prefetch_related("memberships", "trainings")
    )
    context = {
        "page": page,
        "pagination": pagination(request, page),
        "roles": ROLES,
        "permissions": PERMISSIONS,
    }
    return render(request, "accounts/people.jinja", context)


@require_http_methods(["GET", "POST"])
@signed_in
def new_person(request: SignedIn) -> HttpResponseBase:
    """Make an account."""
    check(request.user.person, "people.manage")
    errors: dict[str, str] = {}
    if request.method == "POST":
        fields = {
            key: request.POST.get(key, "").strip() for key in ("username", "name", "email", "organisation")
        }
        errors = {key: f"Enter the {key}" for key in ("username", "name", "email") if not fields[key]}
        if not errors:
            try:
                services.create_user(
                    fields["username"],
                    name=fields["name"],
                    email=fields["email"],
                    organisation=fields["organisation"],
                    sector=request.POST.get("sector", "nhs"),
                    password=request.POST.get("password") or None,
                    roles=request.POST.getlist("roles"),
                    actor=request.user.username,
                )
                messages.success(request, f"{fields['name']} has an account.")
                return redirect("accounts:people")
            except LockgateError as error:
                errors = as_errors(error, "username")
    context = {
        "roles": services.role_choices(),
        "sectors": Organisation.SECTORS,
        "errors": errors,
        "summary": summary(errors),
        "posted": request.POST,
        "chosen": request.POST.getlist("roles"),
    }
    return render(request, "accounts/new_person.jinja", context, status=400 if errors else 200)


@require_GET
@signed_in
def second_factor(request: SignedIn) -> HttpResponseBase:
    """For somebody of whom a second factor is asked and who has none yet: what it is, and where to set it up."""
    return render(request, "accounts/second_factor.jinja", {"set_up": is_set_up(request.user)})


@require_http_methods(["GET", "POST"])
def organisation_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Send somebody to their organisation's sign-in."""
    section = configured()
    return login(request, provider_id(section) if section else "")


@require_http_methods(["GET", "POST"])
@signed_in
def interests(request: SignedIn) -> HttpResponseBase:
    """One's standing interests: declare one, or say that it has ended."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            if number := request.POST.get("end", ""):
                services.end_interest(request.user, int(number) if number.isdecimal() else -1)
                messages.success(request, "It has ended. It counts for another year.")
            else:
                services.declare_interest(
                    request.user, request.POST.get("organisation", ""), request.POST.get("what", "")
                )
                messages.success(request, "Your interest is kept.")
            return redirect("accounts:interests")
        except LockgateError as error:
            errors = as_errors(error, "organisation")
    context = {
        "rows": request.user.interests,
        "errors": errors,
        "summary": summary(errors),
        "posted": request.POST,
    }
    return render(request, "accounts/interests.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def person(request: SignedIn, username: str) -> HttpResponseBase:
    """Somebody's roles."""
    check(request.user.person, "people.manage")
    user = get_object_or_404(User.objects.select_related("organisation"), username=username)
    errors: dict[str, str] = {}
    if request.method == "POST" and request.POST.get("action") == "training":
        try:
            until = posted_day(request, "until")
            if until is None:
                raise UsageError("enter the last day on which it holds", where="until")
            services.record_training(
                user,
                request.POST.get("course", ""),
                until,
                actor=request.user.username,
                provider=request.POST.get("provider", ""),
                certificate=request.POST.get("certificate", ""),
            )
            messages.success(request, f"The training of {user.name} is recorded.")
            return redirect("accounts:person", user.username)
        except LockgateError as error:
            errors = as_errors(error, "course")
    elif request.method == "POST":
        try:
            services.set_roles(user, request.POST.getlist("roles"), actor=request.user.username)
            messages.success(request, f"The roles of {user.name} are changed.")
            return redirect("accounts:people")
        except LockgateError as error:
            errors = as_errors(error, "roles")
    context = {
        "account": user,
        "roles": services.role_choices(),
        "chosen": sorted(user.memberships.values_list("role", flat=True)),
        "trainings": user.trainings.all(),
        "resting": user.person.resting,
        "courses": sorted(
            {course for courses in required_courses(current_site()).values() for course in courses}
        ),
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"until": "until-day"}),
    }
    return render(request, "accounts/person.jinja", context, status=400 if errors else 200)
