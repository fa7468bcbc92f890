"""``lockgate portal``: accounts, applications and the control database, without a browser."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.errors import UsageError
from lockgate.site import Site

app = typer.Typer(help="Accounts, applications and the control database.")


def _portal() -> Site:
    from lockgate.portal import setup

    site = open_site()
    setup(site)
    return site


@app.command()
def migrate() -> None:
    """Bring the control database up to date. Safe to run again."""
    site = _portal()
    emit({"database": str(site.control_db), "up_to_date": True}, "The control database is up to date.")


@app.command()
def assets(force: Annotated[bool, typer.Option("--force", help="Build again.")] = False) -> None:
    """Build the pages' style and script from npm, by the lock file."""
    from lockgate.cli.common import state
    from lockgate.portal.assets.build import DIST, build

    built = build((lambda _: None) if state.json else console.print, force=force)
    emit({"built": built, "folder": str(DIST)})


@app.command("mail")
def mail_state(
    trial: Annotated[str, typer.Option("--try", help="Send a trial e-mail to this address.")] = "",
) -> None:
    """How many e-mails wait, were sent and were given up; with --try, whether the server takes one."""
    _portal()
    from lockgate.portal.notices import mail

    if trial:
        mail.try_out(trial)
    counts = mail.counts()
    said = f"{counts['waiting']} wait, {counts['sent']} were sent, {counts['given_up']} were given up."
    emit({**counts, "tried": bool(trial)}, ("The server took the trial. " if trial else "") + said)


@app.command("demo-accounts")
def demo_accounts() -> None:
    """Make one account for each role of a demonstration site, with known passwords."""
    from lockgate.portal import demo_accounts as make

    accounts = make(open_site())

    def human() -> None:
        for item in accounts:
            console.print(
                f"{item['username']:<8} {item['password']:<24} {item['name']} ({item['role']})", markup=False
            )

    emit({"accounts": accounts}, human)


@app.command()
def createuser(
    username: Annotated[str, typer.Argument(help="Name to sign in with.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    email: Annotated[str, typer.Option(help="Email address.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="A role; may be given more than once.")] = None,
    organisation: Annotated[str, typer.Option(help="Where the person works.")] = "",
    trained_until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="The last day on which their information governance training holds."
        ),
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from input.")
    ] = False,
) -> None:
    """Make an account. The password is asked for, or read from input; it is never an argument."""
    _portal()
    from lockgate.portal.accounts.services import create_user

    user = create_user(
        username,
        name=name,
        email=email,
        password=_password(password_stdin),
        roles=role or [],
        organisation=organisation,
        training_until=trained_until.date() if trained_until else None,
        actor=actor(),
    )
    emit(
        {"username": user.username, "roles": sorted(role or [])},
        f"{user.name} can sign in as {user.username}.",
    )


@app.command()
def training(
    username: Annotated[str, typer.Argument(help="Whose training it is.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day on which it holds.")],
    course: Annotated[str, typer.Option(help="What it taught.")] = "Information governance",
    provider: Annotated[str, typer.Option(help="Who trained them.")] = "",
    certificate: Annotated[str, typer.Option(help="Number or address of the certificate.")] = "",
) -> None:
    """Record that somebody took a course. Roles whose courses are missing or over can't be used."""
    _portal()
    from lockgate.portal.accounts.services import get_user, record_training

    user = get_user(username)
    record_training(user, course, until.date(), actor=actor(), provider=provider, certificate=certificate)
    resting = {role: list(courses) for role, courses in user.person.resting.items()}
    said = "; ".join(f"{role} rests: {', '.join(courses)}" for role, courses in resting.items())
    emit(
        {"username": username, "course": course, "resting": resting},
        said or f"All roles of {username} can be used.",
    )


def _password(from_input: bool) -> str:
    if from_input:
        return typer.get_text_stream("stdin").readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@app.command()
def password(
    username: Annotated[str, typer.Argument(help="Whose password.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from input.")
    ] = False,
) -> None:
    """Give somebody a new password. It is asked for, or read from input; it is never an argument."""
    _portal()
    from lockgate.portal.accounts.services import get_user, set_password

    set_password(get_user(username), _password(password_stdin), actor=actor())
    emit({"username": username, "changed": True}, f"{username} has a new password.")


@app.command("second-factor")
def second_factor(
    username: Annotated[str, typer.Argument(help="Whose second factor.")],
    remove: Annotated[
        bool, typer.Option("--remove", help="Take it away, as when the phone is lost; they set up another.")
    ] = False,
) -> None:
    """Say whether somebody has an authenticator app set up, and whether the site asks one of them; or take it away."""
    site = _portal()
    from lockgate.portal.accounts.second_factor import is_set_up, required_of
    from lockgate.portal.accounts.services import get_user, remove_second_factor

    user = get_user(username)
    if remove:
        had = remove_second_factor(user, actor=actor())
        emit({"username": username, "removed": had}, "Taken away." if had else "There was none.")
        return
    told = {"username": username, "set_up": is_set_up(user), "asked": required_of(site, user.person)}
    has, asks = ("" if told[name] else "not " for name in ("set_up", "asked"))
    emit(told, f"An authenticator app is {has}set up, and {asks}asked for.")


@app.command("organisation-account")
def organisation_account(
    username: Annotated[str, typer.Argument(help="Whose.")],
    part: Annotated[
        bool,
        typer.Option(
            "--part", help="Forget it: the next sign-in with the organisation's account joins anew."
        ),
    ] = False,
) -> None:
    """Say whether somebody's account is joined with one of their organisation (OpenID Connect), or part the two."""
    _portal()
    from lockgate.portal.accounts.organisation import is_joined
    from lockgate.portal.accounts.services import get_user, part_organisation_account

    user = get_user(username)
    if part:
        had = part_organisation_account(user, actor=actor())
        emit({"username": username, "parted": had}, "Parted." if had else "They were not joined.")
        return
    told = is_joined(user)
    emit({"username": username, "joined": told}, "Joined." if told else "Not joined.")


@app.command("sign-in")
def sign_in() -> None:
    """Say how people sign in, what to register at the provider, and whether the provider answers."""
    _portal()
    from lockgate.portal.accounts.organisation import told

    facts = told()
    lines = (
        ["Passwords of the portal."]
        if not facts["issuer"]
        else [f"{key}: {value}" for key, value in facts.items()]
    )
    emit(facts, "\n".join(lines))
    if facts["issuer"] and facts["answers"] != "yes":
        raise typer.Exit(1)


@app.command()
def users() -> None:
    """List accounts and their roles."""
    _portal()
    from lockgate.portal.accounts.models import User

    rows: list[dict[str, Any]] = [
        {
            "username": user.username,
            "name": user.name,
            "roles": sorted(item.role for item in user.memberships.all()),
            "active": user.is_active,
        }
        for user in User.objects.prefetch_related("memberships")
    ]

    def human() -> None:
        for row in rows:
            console.print(f"{row['username']:<16} {row['name']:<28} {', '.join(row['roles'])}", markup=False)

    emit({"users": rows}, human)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="An application as JSON.")],
    user: Annotated[str, typer.Option("--as", help="Username of the applicant.")],
    submit: Annotated[bool, typer.Option("--submit", help="Hand it in as well.")] = False,
) -> None:
    """Bring an application in from a file, as its page does. Every answer is checked."""
    _portal()
    from lockgate.portal.accounts.services import get_user
    from lockgate.portal.applications import services

    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(file)) from error
    applicant = get_user(user)
    application = services.import_file(applicant, content, where=str(file))
    problems = services.problems(application)
    if submit:
        services.submit(applicant, application)
        application.refresh_from_db()
    emit(
        {"reference": application.reference, "state": application.state, "problems": problems},
        f"{application.reference} ({application.state})"
        + "".join(f"\n  still open: {message}" for message in problems.values()),
    )


@app.command()
def decide(
    reference: Annotated[str, typer.Argument(help="The application, such as LG-2026-0001.")],
    decision: Annotated[str, typer.Argument(help="approve, return or refuse.")],
    user: Annotated[str, typer.Option("--as", help="Username of whoever decides.")],
    note: Annotated[str, typer.Option(help="Reasons.")] = "",
) -> None:
    """Record one role's decision on an application, as its page does."""
    _portal()
    from lockgate.portal.accounts.services import get_user
    from lockgate.portal.applications import services
    from lockgate.portal.applications.models import Application

    application = Application.objects.filter(reference=reference).first()
    if application is None:
        raise UsageError(
            f"there is no application {reference!r}", remedy="`lockgate portal applications` lists them"
        )
    state = services.decide(get_user(user), application, decision, note)
    emit({"reference": reference, "state": state}, f"{reference} is now {state.replace('_', ' ')}.")


@app.command()
def applications() -> None:
    """List applications and their states."""
    _portal()
    from lockgate.portal.applications.models import Application

    rows = [
        {
            "reference": row.reference,
            "state": row.state,
            "title": row.title,
            "applicant": row.applicant.username,
        }
        for row in Application.objects.select_related("applicant")
    ]

    def human() -> None:
        for row in rows:
            console.print(f"{row['reference']:<14} {row['state']:<12} {row['title']}", markup=False)

    emit({"applications": rows}, human)
