"""The Jinja environment of the pages: the NHS.UK design system's macros, our own, and what every page needs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from jinja2 import BaseLoader, ChainableUndefined, ChoiceLoader, Environment, PackageLoader

from lockgate import __version__
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.organisation import configured
from lockgate.portal.accounts.rules import Person, can, role_label
from lockgate.portal.notices.services import unread
from lockgate.portal.safety.rules import can_read
from lockgate.portal.sites import current_site


def environment(**options: Any) -> Environment:
    """Django's Jinja options, with the design system's templates behind our own."""
    own: BaseLoader = options.pop("loader")
    env = Environment(
        loader=ChoiceLoader([own, PackageLoader("nhsuk_frontend_jinja")]),
        undefined=ChainableUndefined,
        autoescape=True,
        finalize=lambda value: "" if value is None else value,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=bool(options.get("auto_reload")),
    )
    env.globals.update(
        static=static, url=_url, version=__version__, role_label=role_label, options=options_of
    )
    env.filters.update(day=day, moment=moment, words=words)
    return env


def _url(name: str, *args: Any, **kwargs: Any) -> str:
    return reverse(name, args=args, kwargs=kwargs)


def options_of(question: Any, kind: str) -> list[dict[str, Any]]:
    """A choice's options in the form of the design system's radios and checkboxes."""
    return [
        {
            "value": option.value,
            "text": option.label,
            **({"hint": {"text": option.hint}} if option.hint else {}),
        }
        for option in question.choices(kind)
    ]


def day(value: Any) -> str:
    """A date as people write it: 3 November 2026. Accepts a date, a datetime or an ISO date."""
    if not value:
        return ""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if isinstance(value, datetime) and timezone.is_aware(value):
        value = timezone.localtime(value)
    if isinstance(value, date):
        return f"{value.day} {value:%B %Y}"
    return str(value)


def moment(value: Any) -> str:
    """A time of day with its date: 3 November 2026, 14:05."""
    if isinstance(value, str) and value:
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return ""
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    return f"{day(local)}, {local:%H:%M}"


def words(value: Any) -> str:
    """A code as words: ``in_review`` becomes ``In review``."""
    text = str(value or "").replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def layout(request: HttpRequest) -> dict[str, Any]:
    """What the layout of every page needs: who is signed in, the navigation, messages and the site's name."""
    user = getattr(request, "user", None)
    person = user.person if user is not None and user.is_authenticated else Person.nobody()
    return {
        "person": person,
        "navigation": _navigation(request.path, person),
        "notices": list(get_messages(request)),
        "csrf": get_token(request),
        "site_name": current_site().config.site.name,
        "demo_site": current_site().config.site.demo,
        "can": lambda action: can(person, action),
        "path": request.path,
        "organisation": configured(),
        "unread": unread(user) if isinstance(user, User) else 0,
    }


def _navigation(path: str, person: Person) -> list[dict[str, Any]]:
    links = [("catalogue:list", "The data", True), ("register:list", "Register of uses", True)]
    if person.username:
        links = [
            ("tasks", "Your tasks", True),
            (
                "applications:list",
                "Applications",
                can(person, "application.create") or can(person, "application.read_all"),
            ),
            ("explore:list", "Explore", can(person, "explore.search")),
            ("workspaces:list", "Projects", can(person, "workspace.list")),
            ("airlock:list", "Reviews", can(person, "airlock.review")),
            ("incoming:list", "Coming in", can(person, "capture.read")),
            ("linkage:list", "Who is who", can(person, "linkage.review")),
            ("notes:list", "Notes", can(person, "notes.results")),
            ("safety:list", "Safety", can_read(person)),
            ("incidents:list", "Incidents", can(person, "incident.report")),
            ("turnaround:list", "Turnaround", can(person, "turnaround.read")),
            ("auditing", "Audit", can(person, "audit.read")),
            ("accounts:people", "People", can(person, "people.manage")),
            *links,
        ]
    items = []
    for name, text, shown in links:
        if shown:
            href = reverse(name)
            items.append(
                {
                    "href": href,
                    "text": text,
                    "active": path == href or (path.startswith(href) and href != "/"),
                }
            )
    return items
