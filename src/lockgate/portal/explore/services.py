"""The only writer of cohorts. Every write leaves its audit entry in the same transaction."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.portal import cohort_plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import rules as application_rules
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.explore import building, rules
from lockgate.portal.explore.models import Cohort, Share, Version
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Project
from lockgate.portal.workspaces.rules import OPEN


def create(user: User, title: str, *, project: str = "", expression: dict[str, Any] | None = None) -> Cohort:
    """A new cohort, empty or from an expression; for one of the person's projects, or for none."""
    rules.check_build(user.person)
    title = _title(title)
    if expression is not None:
        building.definition_of(expression)
    with writing("explore.created", actor=user.username, project=project) as record:
        cohort = Cohort.objects.create(
            owner=user,
            title=title,
            project=_project(user, project),
            expression=building.empty() if expression is None else expression,
        )
        record.detail["cohort"] = str(cohort.key)
    return cohort


def _title(title: str) -> str:
    title = " ".join(title.split())
    if not title:
        raise UsageError("Give the cohort a name", where="title")
    return title[:200]


def _project(user: User, slug: str) -> Project | None:
    if not slug:
        return None
    project = Project.objects.filter(slug=slug).first()
    if project is None or user.username not in project.members:
        raise UsageError("You are in no such project", where="project")
    _still_open(project)
    return project


def _still_open(project: Project | None) -> None:
    """Refused where a project has ended or is suspended: nothing is asked for it any more."""
    if project is not None and project.state not in OPEN:
        raise Refused(
            "The project has ended or is suspended", reasons=[f"project {project.state}"], where="project"
        )


def import_text(user: User, title: str, content: bytes, *, project: str = "") -> tuple[Cohort, list[str]]:
    """A cohort from Circe JSON (as ATLAS exports it) or our own YAML, and what was done to it in reading.

    Raises UsageError with the place of what can't be understood; nothing is kept then.
    """
    if len(content) > rules.MAX_BYTES:
        raise Refused("the definition is larger than 1 MB", reasons=["too large"], where="definition")
    expression, name, notes = cohort_plane.read_cohort(current_site(), content)
    return create(user, title or name or "Imported cohort", project=project, expression=expression), notes


def from_library(user: User, name: str, version: int | None) -> tuple[Cohort, list[str]]:
    """A cohort of one's own from a definition of the library, and what was done to it in reading."""
    rules.check_build(user.person)
    expression, title, notes = cohort_plane.library_cohort(current_site(), name, version)
    return create(user, title, expression=expression), notes


def to_library(
    user: User, cohort: Cohort, name: str, *, title: str, owner: str, source: str
) -> dict[str, Any]:
    """Keep the version saved last in the site's library, as the next version of a name."""
    rules.check_edit(user.person, cohort.facts())
    version = cohort.latest
    if version is None:
        raise Refused("Save a version first: that is what is kept", reasons=["no version"], where="name")
    if not owner.strip():
        raise UsageError("Say who answers for it: a person or a team", where="owner")
    provenance = {"cohort": f"{cohort.key} version {version.number}", "saved by": user.username}
    if source.strip():
        provenance["source"] = source.strip()[:500]
    name = name.strip()
    try:
        kept = cohort_plane.library_add(
            current_site(),
            name,
            version.expression,
            title=_title(title or version.title),
            owner=" ".join(owner.split())[:200],
            provenance=provenance,
            actor=user.username,
        )
    except UsageError as error:
        if error.where == f"{name}.json":
            raise UsageError("Use small letters, digits and hyphens, 80 at most", where="name") from error
        raise
    with writing(
        "explore.kept", actor=user.username, cohort=str(cohort.key), version=version.number
    ) as record:
        record.detail["library"] = f"{kept['name']}@{kept['version']}"
    return kept


def set_status(user: User, name: str, version: int, status: str) -> dict[str, Any]:
    """Give a version in the library another status."""
    rules.check_review(user.person)
    return cohort_plane.library_status(current_site(), name, version, status, actor=user.username)


def change(user: User, cohort: Cohort, expression: dict[str, Any], what: str) -> None:
    """Keep a changed expression."""
    rules.check_edit(user.person, cohort.facts())
    with writing("explore.changed", actor=user.username, cohort=str(cohort.key), what=what):
        cohort.expression = expression
        cohort.save(update_fields=["expression", "updated_at"])


def rename(user: User, cohort: Cohort, title: str) -> None:
    """Give the cohort another name."""
    rules.check_edit(user.person, cohort.facts())
    title = _title(title)
    with writing("explore.changed", actor=user.username, cohort=str(cohort.key), what="title"):
        cohort.title = title
        cohort.save(update_fields=["title", "updated_at"])


def save_version(user: User, cohort: Cohort, note: str = "") -> Version:
    """Keep the cohort as it is now under the next number; Refused while nobody can enter it."""
    rules.check_edit(user.person, cohort.facts())
    if not building.is_ready(cohort.expression):
        raise Refused("Add an event by which people enter first", reasons=["no entry event"], where="note")
    building.definition_of(cohort.expression)
    latest = cohort.latest
    if latest is not None and (latest.expression, latest.title) == (cohort.expression, cohort.title):
        raise Refused(f"Nothing changed since version {latest.number}", reasons=["no change"], where="note")
    with writing("explore.saved", actor=user.username, cohort=str(cohort.key)) as record:
        version = Version.objects.create(
            cohort=cohort,
            number=latest.number + 1 if latest else 1,
            title=cohort.title,
            expression=cohort.expression,
            note=note.strip()[:2000],
            saved_by=user.username,
        )
        record.detail["version"] = version.number
    return version


def restore(user: User, cohort: Cohort, number: int) -> None:
    """Go on from an earlier version."""
    version = cohort.versions.filter(number=number).first()
    if version is None:
        raise UsageError(f"there is no version {number}", where="version")
    change(user, cohort, version.expression, f"version {number} taken up again")


def copy(user: User, cohort: Cohort) -> Cohort:
    """A copy of one's own of a cohort that one may read."""
    rules.check_read(user.person, cohort.facts())
    own = cohort.project is not None and user.username in cohort.project.members
    project = cohort.project.slug if cohort.project and own and cohort.project.state in OPEN else ""
    expression = cohort.expression if building.is_ready(cohort.expression) else None
    return create(user, f"Copy of {cohort.title}", project=project, expression=expression)


def share(user: User, cohort: Cohort, username: str) -> None:
    """Let somebody read it. Their questions about people count together with the owner's from now on."""
    rules.check_edit(user.person, cohort.facts())
    other = User.objects.filter(username=username.strip(), is_active=True).first()
    if other is None or not rules.can_build(other.person):
        raise UsageError("There is no account of that name that may read cohorts", where="username")
    if other.username in cohort.facts().readers:
        raise UsageError(f"{other.name} can read it already", where="username")
    with writing("explore.shared", actor=user.username, cohort=str(cohort.key), username=other.username):
        Share.objects.create(cohort=cohort, username=other.username)


def unshare(user: User, cohort: Cohort, username: str) -> None:
    """Take it back from somebody."""
    rules.check_edit(user.person, cohort.facts())
    with writing("explore.unshared", actor=user.username, cohort=str(cohort.key), username=username):
        cohort.shares.filter(username=username).delete()


def remove(user: User, cohort: Cohort) -> None:
    """Delete a cohort and its versions. What applications hold of it stays, and the ledger of questions does."""
    rules.check_edit(user.person, cohort.facts())
    with writing("explore.removed", actor=user.username, cohort=str(cohort.key)):
        cohort.delete()


def count(user: User, cohort: Cohort) -> list[dict[str, Any]]:
    """How many people are left after each stage, as may be told; each is a question of the ledger."""
    rules.check_read(user.person, cohort.facts())
    _still_open(cohort.project)
    definition = building.definition_of(cohort.expression)
    return cohort_plane.count_cohort(current_site(), definition, cohort.asker(user.username))


def counted(user: User, cohort: Cohort) -> list[dict[str, Any]] | None:
    """What was told of it already, or None."""
    rules.check_read(user.person, cohort.facts())
    if not building.is_ready(cohort.expression):
        return None
    definition = building.definition_of(cohort.expression)
    return cohort_plane.counted_cohort(current_site(), definition, cohort.asker(user.username))


def ask_more(
    user: User, cohort: Cohort, *, groups: str = "", beside: Cohort | None = None, months: int = 0
) -> list[dict[str, Any]]:
    """By whom, beside what, or when: one of the three; each number is a question of the ledger."""
    rules.check_read(user.person, cohort.facts())
    _still_open(cohort.project)
    other = None
    asker = cohort.asker(user.username)
    if beside is not None:
        rules.check_read(user.person, beside.facts())
        other = building.definition_of(beside.expression)
        asker = replace(asker, together=asker.together | beside.asker(user.username).together)
    definition = building.definition_of(cohort.expression)
    found: list[dict[str, Any]] = cohort_plane.ask_more(
        current_site(), definition, asker, groups=groups, beside=other, months=months
    )
    return found


def attach(user: User, cohort: Cohort, reference: str) -> Application:
    """Make the version saved last the cohort of one's own draft application; it is counted before, if it wasn't."""
    rules.check_read(user.person, cohort.facts())
    version = cohort.latest
    if version is None:
        raise Refused(
            "Save a version first: that is what is attached", reasons=["no version"], where="application"
        )
    application = Application.objects.filter(reference=reference).first()
    if application is None or not application_rules.can_edit(user.person, application.facts()):
        raise UsageError("Choose one of your applications that can still be changed", where="application")
    definition = building.definition_of(version.expression)
    steps = cohort_plane.count_cohort(current_site(), definition, cohort.asker(user.username))
    answer = {
        "name": version.title,
        "version": version.number,
        "circe": version.expression,
        "question": steps[-1]["question"],
    }
    problems = applications.save_answers(user, application, {"cohort": answer})
    if problems:
        raise Refused(problems["cohort"], reasons=list(problems.values()), where="application")
    with writing(
        "explore.attached",
        actor=user.username,
        cohort=str(cohort.key),
        version=version.number,
        application=application.reference,
    ):
        pass
    return application


def exported(cohort: Cohort, form: str) -> tuple[str, str]:
    """The cohort as a file: its text, and its media type. ``form`` is circe, yaml, sql or text."""
    if form == "circe":
        if building.uses_either(cohort.expression):
            raise Refused(
                "ATLAS can't look for a concept as recorded or as mapped at once",
                reasons=["an event counts in either of two columns"],
                where="form",
                remedy="export YAML, or ask for one of the two columns",
            )
        return json.dumps(cohort.expression, indent=2, ensure_ascii=False) + "\n", "application/json"
    definition = building.definition_of(cohort.expression)
    kinds = {"yaml": "application/yaml", "sql": "application/sql", "text": "text/markdown"}
    if form not in kinds:
        raise UsageError("there is no such form", where="form", remedy="circe, yaml, sql or text")
    return cohort_plane.write_cohort(definition, form, names=cohort_plane.names_in(cohort.expression)), kinds[
        form
    ]
