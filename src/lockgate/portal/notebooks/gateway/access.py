"""May this browser go on? Asked of the control database, not of the browser: it believes only what it finds there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils import timezone

from lockgate.errors import Refused
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.second_factor import given, required_of
from lockgate.portal.notebooks import rules
from lockgate.portal.notebooks.models import Pass
from lockgate.portal.notebooks.services import hashed
from lockgate.portal.sites import current_site


@dataclass(frozen=True, slots=True)
class Access:
    """The notebook that a browser may use, or why it may use none."""

    notebook: str
    why_not: str = ""


def access(cookie: str, slug: str) -> Access:
    """Whether a cookie opens the running notebook of a project at this moment.

    The portal's session that it was made in still stands, its person is signed in with the factors the site asks for
    and may open notebooks, and the project is ready, in date and theirs.
    """
    close_old_connections()
    found = (
        Pass.objects.select_related("notebook__project", "notebook__person")
        .filter(cookie_sha256=hashed(cookie), notebook__project__slug=slug, notebook__state="running")
        .first()
        if cookie
        else None
    )
    if found is None:
        return Access("", "this browser was not let in by the portal, or the notebook has stopped")
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(found.session_key)
    user = get_user(request)
    if not isinstance(user, User) or user.pk != found.notebook.person_id:
        return Access("", "you have signed out of the portal")
    request.user = user
    person = user.person
    if required_of(current_site(), person) and not given(request):
        return Access("", "the second factor is missing")
    try:
        rules.check_open(person, found.notebook.project.facts(), timezone.localdate())
    except Refused as refusal:
        return Access("", refusal.message)
    if found.notebook.stop_asked_by:
        return Access("", "the notebook is being stopped")
    return Access(str(found.notebook.key))
