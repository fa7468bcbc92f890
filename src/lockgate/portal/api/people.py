"""The API of people: who I am, what waits for my tokens; accounts and roles for the administrator."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from ninja import Query, Schema

from lockgate.errors import Refused
from lockgate.portal.accounts import services
from lockgate.portal.accounts.models import Organisation, User
from lockgate.portal.accounts.rules import PERMISSIONS, can
from lockgate.portal.api.access import In, Operations, Paging, once, or_404, page_of
from lockgate.portal.applications.models import Condition
from lockgate.portal.pages import SignedIn
from lockgate.portal.tokens import services as tokens
from lockgate.portal.tokens.models import Token
from lockgate.portal.views import waiting_for

router = Operations(tags=["people"])


class TokenOut(Schema):
    """A token without its text."""

    key: str
    name: str
    scopes: list[str]
    state: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None


class Me(Schema):
    """Who asks, what their roles permit, and the token that they came with."""

    username: str
    name: str
    organisation: str
    roles: list[str]
    permissions: list[str]
    training_until: date | None
    token: TokenOut | None


class PersonOut(Schema):
    """An account."""

    username: str
    name: str
    email: str
    organisation: str
    roles: list[str]
    active: bool


class People(Schema):
    """A page of accounts, and how many there are in all."""

    items: list[PersonOut]
    count: int


class PersonIn(In):
    """A new account. Without a password nobody signs in with it until one is set."""

    username: str
    name: str
    email: str
    organisation: str = ""
    sector: str = "nhs"
    roles: list[str] = []
    password: str | None = None


class Roles(In):
    """Exactly the roles that somebody is to have."""

    roles: list[str]


class OrganisationOut(Schema):
    """Where people work."""

    name: str
    sector: str
    ods_code: str


class Waiting(Schema):
    """What waits for me of one kind: each with what names it."""

    title: str
    kind: str
    items: list[dict[str, Any]]
    of: int | None = None


class InterestOut(Schema):
    """An interest in an organisation; ``until`` is empty while it lasts."""

    organisation: str
    what: str
    since: str
    until: str


class InterestIn(In):
    """The organisation, and what the interest is."""

    organisation: str
    what: str


def _token(row: Token) -> dict[str, Any]:
    names = ("key", "name", "scopes", "state", "made_at", "expires_at", "used_at")
    return {name: getattr(row, name) for name in names}


def _person(row: User) -> dict[str, Any]:
    return {
        "username": row.username,
        "name": row.name,
        "email": row.email,
        "organisation": row.organisation.name if row.organisation else "",
        "roles": sorted(item.role for item in row.memberships.all()),
        "active": row.is_active,
    }


@router.on("GET", "/me", Me, scope="read")
def who_am_i(request: SignedIn) -> Any:
    """Who I am, and what my roles permit."""
    person, token = request.user.person, getattr(request, "token", None)
    return {
        "username": person.username,
        "name": person.name,
        "organisation": person.organisation,
        "roles": sorted(person.roles),
        "permissions": [action for action in PERMISSIONS if can(person, action)],
        "training_until": person.training_until,
        "token": _token(token) if token else None,
    }


@router.on("GET", "/me/tasks", list[Waiting], scope="read")
def my_tasks(request: SignedIn, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> Any:
    """What waits for me.

    Of what waits for decisions or reviews, each page looks at a hundred, the longest waiting first; ``of`` says how
    many wait in all, for whomever.
    """
    return [{**group, "items": [_named(item) for item in group["items"]]} for group in waiting_for(request)]


def _named(item: Any) -> dict[str, Any]:
    """What names a thing that waits, whatever it is: a row, a record or a dictionary."""

    def told(one: Any, name: str) -> Any:
        return one.get(name) if isinstance(one, dict) else getattr(one, name, None)

    of = told(item, "request") or item
    names = ("reference", "slug", "pair", "approval_id", "name", "title", "state", "kind", "reason")
    found = {name: told(of, name) for name in names} | {"what": told(item, "what")}
    if isinstance(item, Condition):
        found |= {
            "reference": item.version.application.reference,
            "condition": str(item.pk),
            "title": item.text,
        }
    return {name: value for name, value in found.items() if isinstance(value, str)}


@router.on("GET", "/me/interests", list[InterestOut], scope="read")
def my_interests(request: SignedIn) -> Any:
    """My standing interests. Where an application names the organisation, I have no say in it."""
    return User.objects.get(pk=request.user.pk).interests


@router.on("POST", "/me/interests", list[InterestOut], scope="decide", status=201)
def add_interest(request: SignedIn, told: InterestIn) -> Any:
    """Declare a standing interest of mine."""
    services.declare_interest(request.user, told.organisation, told.what)
    return my_interests(request)


@router.on("POST", "/me/interests/{int:number}/end", list[InterestOut], scope="decide")
def end_interest(request: SignedIn, number: int) -> Any:
    """Say that one of my interests (from 0, as listed) has ended; it counts for another year."""
    or_404(my_interests(request)[number : number + 1] or None)
    services.end_interest(request.user, number)
    return my_interests(request)


@router.on("GET", "/me/tokens", list[TokenOut], scope="read", needs="token.make")
def my_tokens(request: SignedIn) -> Any:
    """My tokens. A new one is made on the page alone."""
    return [_token(row) for row in request.user.tokens.all()]


@router.on("DELETE", "/me/tokens/{key}", TokenOut, scope="read")
def revoke_token(request: SignedIn, key: str) -> Any:
    """Revoke one of my tokens; who comes with a token revokes that one only."""
    row = or_404(Token.objects.select_related("owner").filter(key=key, owner=request.user).first())
    used = getattr(request, "token", None)
    if used is not None and used.key != key:
        raise Refused("with a token only that token is revoked", remedy="sign in, and revoke it on its page")
    tokens.revoke(request.user, row)
    return _token(row)


@router.on("GET", "/organisations", list[OrganisationOut], scope="read", needs="people.manage")
def organisations(request: SignedIn) -> Any:
    """The organisations that people are of."""
    return list(Organisation.objects.all())


@router.on("GET", "/people", People, scope="read", needs="people.manage")
def people(request: SignedIn, paging: Query[Paging], role: str = "") -> Any:
    """All accounts, or those with a role."""
    rows = User.objects.select_related("organisation").prefetch_related("memberships")
    return page_of(rows.filter(memberships__role=role) if role else rows, paging, _person)


@router.on("GET", "/people/{username}", PersonOut, scope="read", needs="people.manage")
def person(request: SignedIn, username: str) -> Any:
    """One account."""
    return _person(or_404(User.objects.filter(username=username).first()))


@router.on("POST", "/people", PersonOut, scope="manage", needs="people.manage", status=201)
def new_person(request: SignedIn, told: PersonIn) -> Any:
    """Make an account."""

    def make() -> str:
        return services.create_user(**told.dict(), actor=request.user.username).username

    return _person(User.objects.get(username=once(request, make)))


@router.on("PUT", "/people/{username}/roles", PersonOut, scope="manage", needs="people.manage")
def set_roles(request: SignedIn, username: str, told: Roles) -> Any:
    """Give somebody exactly these roles."""
    row = or_404(User.objects.filter(username=username).first())
    services.set_roles(row, told.roles, actor=request.user.username)
    return _person(User.objects.get(pk=row.pk))
