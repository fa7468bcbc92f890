"""The only writer of accounts and roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts import interests
from lockgate.portal.accounts.models import Membership, Organisation, Training, User
from lockgate.portal.accounts.rules import ROLES, role_label
from lockgate.portal.accounts.training import INFORMATION_GOVERNANCE
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site
from lockgate.workspace.routes import routes_of


def create_user(
    username: str,
    *,
    name: str,
    email: str = "",
    password: str | None = None,
    roles: Sequence[str] = (),
    organisation: str = "",
    sector: str = "nhs",
    training_until: date | None = None,
    actor: str,
) -> User:
    """Make an account with its roles. Without a password nobody can sign in with it until one is set.

    Raises UsageError for a taken username, an unknown role or a weak password.
    """
    _known_roles(roles)
    if User.objects.filter(username=username).exists():
        raise UsageError(f"there is an account {username!r} already", remedy="choose another username")
    if password is not None:
        _strong(password, User(username=username, name=name, email=email))
    with writing("account.created", actor=actor, username=username, roles=sorted(roles)):
        user = User(username=username, name=name, email=email)
        user.organisation = _organisation(organisation, sector)
        user.set_password(password)
        user.save()
        Membership.objects.bulk_create(Membership(user=user, role=role, granted_by=actor) for role in roles)
        if training_until is not None:
            Training.objects.create(
                user=user, course=INFORMATION_GOVERNANCE, valid_until=training_until, recorded_by=actor
            )
    return user


def set_roles(user: User, roles: Sequence[str], *, actor: str) -> None:
    """Give somebody exactly these roles. Nobody changes their own."""
    _known_roles(roles)
    if user.username == actor:
        raise Refused("nobody changes their own roles", remedy="ask another administrator")
    with writing("account.roles", actor=actor, username=user.username, roles=sorted(roles)):
        user.memberships.exclude(role__in=roles).delete()
        held = set(user.memberships.values_list("role", flat=True))
        Membership.objects.bulk_create(
            Membership(user=user, role=role, granted_by=actor) for role in roles if role not in held
        )
    user.forget_person()


def record_training(
    user: User, course: str, until: date, *, actor: str, provider: str = "", certificate: str = ""
) -> Training:
    """Record that somebody took a course, and the last day on which it holds. Nobody records their own.

    A shorter time, or a day that is over, takes effect too: the newest record of a course counts.
    """
    if user.username == actor:
        raise Refused("nobody records their own training", remedy="ask another administrator")
    course = course.strip()
    if not course or len(course) > 100:
        raise UsageError("name the course, in at most 100 characters", where="course")
    if len(provider) > 200 or len(certificate) > 200:
        raise UsageError(
            "use at most 200 characters", where="provider" if len(provider) > 200 else "certificate"
        )
    with writing(
        "account.training", actor=actor, username=user.username, course=course, until=until.isoformat()
    ):
        record = Training.objects.create(
            user=user, course=course, valid_until=until, provider=provider.strip(), certificate=certificate.strip(),
            recorded_by=actor,
        )  # fmt: skip
    user.forget_person()
    return record


def set_password(user: User, password: str, *, actor: str) -> None:
    """Give somebody a new password. Sessions that are open under the old one end."""
    _strong(password, user)
    with writing("account.password", actor=actor, username=user.username):
        user.set_password(password)
        user.save(update_fields=["password"])


def remove_second_factor(user: User, *, actor: str) -> bool:
    """Take somebody's authenticator app and recovery codes away, as when the phone is lost; whether they had any.

    They sign in with the password, and set up another one.
    """
    with writing("account.second_factor_removed", actor=actor, username=user.username) as record:
        removed, _ = Authenticator.objects.filter(user=user).delete()
        record.detail["had_one"] = bool(removed)
    return bool(removed)


def join_organisation_account(user: User, provider: str, uid: str) -> SocialAccount:
    """From now on the provider's identifier ``uid`` signs in this account. Refused where it has another already."""
    if SocialAccount.objects.filter(user=user, provider=provider).exists():
        raise Refused(
            "this account is joined with another account of your organisation",
            remedy="ask the administrator of this portal to part them",
        )
    with writing("account.joined", actor=user.username, username=user.username):
        return SocialAccount.objects.create(user=user, provider=provider, uid=uid, extra_data={})


def part_organisation_account(user: User, *, actor: str) -> bool:
    """Forget which account of their organisation is somebody's; whether there was one. The next sign-in joins anew."""
    with writing("account.parted", actor=actor, username=user.username) as record:
        removed, _ = SocialAccount.objects.filter(user=user).delete()
        record.detail["had_one"] = bool(removed)
    return bool(removed)


def get_user(username: str) -> User:
    """The account of that name, or UsageError."""
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist:
        raise UsageError(
            f"there is no account {username!r}", remedy="`lockgate portal users` lists them"
        ) from None


def _strong(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise UsageError(" ".join(error.messages), where="password") from error


def role_choices() -> dict[str, str]:
    """Every role that can be given here, in words: the roles, and data owner of each linked source of the routes."""
    choices = dict(ROLES)
    for name, source in routes_of(current_site()).sources.items():
        choices[f"data_owner:{name}"] = f"Data owner: {source.label.lower()}"
    return choices


def _known_roles(roles: Sequence[str]) -> None:
    known = role_choices()
    for role in roles:
        if role not in known:
            raise UsageError(f"there is no role {role!r}", remedy="roles are " + ", ".join(known))


def _organisation(name: str, sector: str) -> Organisation | None:
    if not name:
        return None
    organisation, _ = Organisation.objects.get_or_create(name=name, defaults={"sector": sector})
    return organisation


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """One invented person of the demonstration."""

    username: str
    name: str
    organisation: str
    sector: str
    roles: tuple[str, ...]


DEMO_ACCOUNTS = (
    DemoAccount("amara", "Dr Amara Okafor", "University of Middleshire", "academic", ("applicant",)),
    DemoAccount("tomasz", "Tomasz Nowak", "University of Middleshire", "academic", ("applicant",)),
    DemoAccount("rosa", "Rosa Bennett", "Lockgate Demonstration Hospital", "nhs", ("research_centre",)),
    DemoAccount(
        "idris", "Idris Hughes", "Lockgate Demonstration Hospital", "nhs", ("data_protection_office",)
    ),
    DemoAccount("lin", "Lin Zhao", "University of Middleshire", "academic", ("collaborator",)),
    DemoAccount("cora", "Dr Cora Vaughan", "Lockgate Demonstration Hospital", "nhs", ("caldicott_guardian",)),
    DemoAccount(
        "hugo",
        "Hugo Marsh",
        "Lockgate Demonstration Hospital",
        "nhs",
        ("data_owner:incidents", "data_owner:experience", "data_owner:workforce", "data_owner:imaging"),
    ),
    DemoAccount(
        "tess",
        "Tess Oyelaran",
        "Lockgate Demonstration Hospital",
        "nhs",
        ("data_owner:tissue", "data_owner:social_care"),
    ),
    DemoAccount("gwen", "Gwen Parry", "Middleshire Community Health", "nhs", ("data_owner",)),
    DemoAccount("pearl", "Pearl Ademola", "Middleshire Public Panel", "other", ("public_panel",)),
    DemoAccount("mei", "Mei Lin", "Lockgate Demonstration Hospital", "nhs", ("output_checker",)),
    DemoAccount("callum", "Callum Fraser", "Lockgate Demonstration Hospital", "nhs", ("output_checker",)),
    DemoAccount("priya", "Priya Nair", "Lockgate Demonstration Hospital", "nhs", ("data_engineer",)),
    DemoAccount("clara", "Clara Webb", "Lockgate Demonstration Hospital", "nhs", ("linkage_clerk",)),
    DemoAccount("joan", "Joan Whitfield", "Lockgate Demonstration Hospital", "nhs", ("auditor",)),
    DemoAccount("sam", "Sam Adeyemi", "Lockgate Demonstration Hospital", "nhs", ("administrator",)),
)


def demo_password(username: str) -> str:
    """The known password of a demonstration account."""
    return f"{username}-opens-the-lock"


def make_demo_accounts() -> list[dict[str, str]]:
    """One account for each role, two for those who must be two. Safe to run again.

    Raises Refused on a site that isn't marked as a demonstration.
    """
    if not current_site().config.site.demo:
        raise Refused(
            "known passwords are for demonstration sites only",
            where="site.toml [site] demo",
            remedy="make accounts with `lockgate portal createuser`",
        )
    made = []
    for account in DEMO_ACCOUNTS:
        if not User.objects.filter(username=account.username).exists():
            create_user(
                account.username,
                name=account.name,
                email=f"{account.username}@lockgate.example",
                password=demo_password(account.username),
                roles=account.roles,
                organisation=account.organisation,
                sector=account.sector,
                training_until=timezone.localdate() + timedelta(days=365),
                actor="lockgate",
            )
        made.append(
            {
                "username": account.username,
                "name": account.name,
                "role": ", ".join(role_label(role) for role in account.roles),
                "password": demo_password(account.username),
            }
        )
    return made


def declare_interest(user: User, organisation: str, what: str) -> None:
    """Add a standing interest to one's own account: from now on it bars its owner where an application names it."""
    with writing("account.interest_declared", actor=user.username) as record:
        user = User.objects.select_for_update().get(pk=user.pk)
        user.interests = interests.declared(user.interests, organisation, what, timezone.localdate())
        user.save(update_fields=["interests"])
        record.detail["organisation"] = user.interests[-1]["organisation"]


def end_interest(user: User, number: int) -> None:
    """Say that a standing interest of one's own has ended; it counts for another year."""
    with writing("account.interest_ended", actor=user.username) as record:
        user = User.objects.select_for_update().get(pk=user.pk)
        user.interests = interests.ended(user.interests, number, timezone.localdate())
        user.save(update_fields=["interests"])
        record.detail["organisation"] = user.interests[number]["organisation"]
