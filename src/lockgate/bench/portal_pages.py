"""Run as a program: fill a portal, then ask every page as each role and print what it took as JSON."""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from lockgate.portal import setup
from lockgate.site import Site
from lockgate.site.audit import AuditLog, chained, line_of

# application states beside the approved ones, and their share
_STATES = (
    ("draft", 0.1),
    ("submitted", 0.1),
    ("in_review", 0.05),
    ("returned", 0.05),
    ("refused", 0.3),
    ("withdrawn", 0.4),
)
_PAGES = {
    "": ["/", "/register/", "/register/?q=deprived", "/register/{project}/", "/register/feed.json",
         "/register/feed.csv",
         "/register/refused/", "/catalogue/", "/incidents/published/", "/turnaround/public/", "/my-record/",
         "/account/login/", "/health/", "/api/register", "/api/register/{project}", "/api/openapi.json"],
    "amara": ["/tasks/", "/applications/", "/applications/new/", "/applications/{draft}/",
              "/applications/{draft}/section/data/", "/applications/{draft}/check/", "/applications/{approved}/",
              "/applications/{approved}/amend/", "/applications/{approved}/history/",
              "/applications/{approved}/export.pdf", "/applications/{approved}/export.json",
              "/applications/{changing}/amendment/", "/applications/{changing}/amendment/section/data/",
              "/projects/", "/projects/?page=10", "/projects/{project}/", "/projects/{project}/data/",
              "/projects/{project}/twin/", "/projects/{project}/jobs/new/", "/projects/{project}/jobs/{job}/",
              "/projects/{project}/jobs/{job}/release/", "/reviews/{request}/", "/imports/", "/imports/new/{project}/",
              "/imports/{import}/", "/explore/", "/explore/new/", "/explore/library/",
              "/incidents/", "/incidents/new/", "/notices/", "/notices/settings/", "/tokens/", "/tokens/new/",
              "/api/applications", "/api/projects", "/api/notices", "/api/me/tasks"],
    "rosa": ["/tasks/", "/tasks/?page=2", "/applications/", "/applications/?page=50", "/applications/{submitted}/",
             "/applications/{submitted}/decide/", "/applications/{submitted}/comment/data/",
             "/applications/{amended}/amendment/decide/",
             "/applications/{approved}/history/", "/applications/{approved}/suspend/",
             "/projects/", "/projects/{project}/", "/safety/", "/incidents/",
             "/turnaround/", "/turnaround/whole/", "/turnaround/job/", "/turnaround/whole/chart.svg"],
    "idris": ["/tasks/", "/applications/{submitted}/decide/", "/incidents/{incident}/", "/notices/"],
    "pearl": ["/tasks/", "/applications/{submitted}/advise/"],
    "mei": ["/tasks/", "/reviews/", "/reviews/{request}/", "/reviews/fares/", "/reviews/fares/chart.svg", "/imports/",
            "/imports/{import}/", "/turnaround/release/"],
    "priya": ["/tasks/", "/projects/", "/turnaround/"],
    "clara": ["/tasks/", "/linkage/"],
    "joan": ["/tasks/", "/applications/", "/reviews/", "/audit/", "/audit/?page=1000", "/audit/?project={project}",
             "/audit/?table=person&column=year_of_birth", "/api/audit", "/incidents/"],
    "sam": ["/tasks/", "/people/", "/people/?page=5", "/people/amara/", "/people/new/"],
}  # fmt: skip


def main(path: str, applications: int, projects: int) -> None:
    """Fill the portal of the site at ``path``, ask, and print a list of {role, path, status, seconds, queries}."""
    site = Site.open(path)
    setup(site)
    names = _fill(applications, projects)
    _lengthen(site.audit, 40 * applications, names["project"])
    print(json.dumps(_ask(names)))


def _lengthen(log: AuditLog, entries: int, project: str) -> None:
    """So many more entries at the end of the audit chain, as years leave them."""
    last = next(log.newest())
    with log.chain.open("ab") as stream:
        for number in range(entries):
            detail: dict[str, Any] = {
                "project": project if number % 50 == 0 else f"lg-2025-{number % 500:04}"
            }
            if number % 10 == 0:
                detail["touched"] = {
                    "person": ["person_id", "year_of_birth"],
                    "visit_occurrence": ["person_id"],
                }
            event = ("job.started", "application.answered", "account.changed")[number % 3]
            last = chained(last, event, actor=f"user{number % 300}", detail=detail)
            stream.write(line_of(last))
    log.sign_head(last)


def _fill(applications: int, projects: int) -> dict[str, str]:
    """One application goes the whole way; all others are rows like it."""
    from django.utils import timezone

    from lockgate.portal.accounts.models import Membership, User
    from lockgate.portal.accounts.services import make_demo_accounts
    from lockgate.portal.airlock.models import Candidate, Import, Request
    from lockgate.portal.applications import services
    from lockgate.portal.applications.models import Amendment, Application, Decision, Version
    from lockgate.portal.incidents.models import Incident
    from lockgate.portal.notices.models import Notice
    from lockgate.portal.outbox.models import Message
    from lockgate.portal.register.models import Entry
    from lockgate.portal.workspaces.models import Job, Member, Project

    make_demo_accounts()
    people = {user.username: user for user in User.objects.all()}
    others = User.objects.bulk_create(
        User(
            username=f"user{number}",
            name=f"User {number}",
            email=f"user{number}@lockgate.example",
        )
        for number in range(applications // 10)
    )
    Membership.objects.bulk_create(
        Membership(user=user, role="applicant", granted_by="bench") for user in others
    )
    applicants = [people["amara"], *others]
    content = (Path(__file__).parent.parent / "demo" / "application.json").read_bytes()
    first = services.import_file(people["amara"], dated(content), where="application.json")
    services.submit(people["amara"], first)
    for name in ("rosa", "idris"):
        services.decide(people[name], Application.objects.get(pk=first.pk), "approve")
    first.refresh_from_db()
    project = Project.objects.get(application=first)
    Project.objects.filter(pk=project.pk).update(state="ready")
    entry = Entry.objects.get(project=project)
    answers, bank, now = first.answers, first.version.bank, timezone.now()

    states = ["approved"] * (projects - 1)
    for state, share in _STATES:
        states += [state] * round((applications - projects) * share)
    rows = Application.objects.bulk_create(
        Application(
            reference=f"B-{number:06}", kind=first.kind, title=f"{first.title} {number}", state=state,
            applicant=applicants[number % len(applicants)] if number % 7 else people["amara"],
            submitted_at=None if state == "draft" else now, valid_until=first.valid_until,
        )
        for number, state in enumerate(states)
    )  # fmt: skip
    versions = Version.objects.bulk_create(
        Version(application=row, number=1, bank=bank, answers=answers, submitted_at=row.submitted_at)
        for row in rows
    )
    Decision.objects.bulk_create(
        Decision(version=version, role="data_protection_office", by=people["idris"], decision="approve")
        for version in versions if version.application.state == "in_review"
    )  # fmt: skip
    approved = [row for row in rows if row.state == "approved"]
    made = Project.objects.bulk_create(
        Project(
            slug=row.reference.lower(), application=row, title=row.title, state="ready", scope=project.scope,
            valid_from=project.valid_from, valid_until=project.valid_until,
        )
        for row in approved
    )  # fmt: skip
    Member.objects.bulk_create(
        Member(project=one, username=name)
        for one in made
        for name in {one.application.applicant.username, "amara"}
    )
    Entry.objects.bulk_create(
        Entry(reference=one.application.reference, slug=one.slug, project=one, title=one.title, kind=entry.kind,
              search=f"{entry.search} {one.pk}", data={**entry.data, "title": one.title})
        for one in made
    )  # fmt: skip
    jobs = Job.objects.bulk_create(
        Job(project=one, author=people["amara"], code_name="main.py", code_sha256="0" * 64, state="succeeded",
            job_id=f"j{number}", finished_at=now)
        for one in [project, *made] for number in range(5)
    )  # fmt: skip
    requests = Request.objects.bulk_create(
        Request(reference=f"{job.project.slug}-r{number}", job=job, author=people["amara"], title="Rates by decile",
                purpose="A table", state="in_review" if number % 5 == 0 else "released")
        for number, job in enumerate(jobs[::5])
    )  # fmt: skip
    Candidate.objects.bulk_create(Candidate(request=one, number=1, passes=True) for one in requests)
    incidents = Incident.objects.bulk_create(
        Incident(reference=f"INC-2025-{number:04}", kind="near_miss", title=f"Near miss {number}", description="-",
                 happened_on=now.date() - timedelta(days=number % 300), reporter=people["amara"],
                 published_summary="Nobody was harmed.", published_at=now)
        for number in range(projects)
    )  # fmt: skip
    Import.objects.bulk_create(
        Import(reference=f"{one.slug}-i1", project=one, author=people["amara"], title="Code lists", purpose="Sets",
               state="in_review" if number % 5 == 0 else "approved")
        for number, one in enumerate([project, *made])
    )  # fmt: skip
    amendments = Amendment.objects.bulk_create(
        Amendment(application=row, what="amendment", state="submitted" if number % 2 else "draft",
                  reason="The question has grown", submitted_at=now if number % 2 else None)
        for number, row in enumerate(approved[::5])
    )  # fmt: skip
    Version.objects.bulk_create(
        Version(application=one.application, number=2, bank=bank, answers={**answers, "title": "Another title"},
                submitted_at=one.submitted_at, amendment=one)
        for one in amendments
    )  # fmt: skip
    messages = Message.objects.bulk_create(
        Message(event="application.commented", actor="rosa", detail={}, seq=10**9 + number)
        for number in range(projects)
    )
    Notice.objects.bulk_create(
        Notice(user=people[name], message=message, event=message.event, text="Something was said", path="/tasks/")
        for message in messages for name in ("amara", "idris")
    )  # fmt: skip
    mine = people["amara"].pk
    return {
        "draft": next(row.reference for row in rows if row.state == "draft" and row.applicant_id == mine),
        "submitted": next(row.reference for row in rows if row.state == "submitted"),
        "approved": first.reference,
        "project": project.slug,
        "job": str(jobs[0].key),
        "request": requests[0].reference,
        "incident": incidents[0].reference,
        "import": f"{project.slug}-i1",
        "changing": next(
            one.reference
            for one in amendments
            if one.state == "draft" and one.application.applicant_id == mine
        ),
        "amended": next(one.reference for one in amendments if one.state == "submitted"),
    }


def dated(content: bytes) -> bytes:
    """The demonstration's application, its days from today on."""
    from django.utils import timezone

    file = json.loads(content)
    today = timezone.localdate()
    file["answers"]["start_date"] = today.isoformat()
    file["answers"]["end_date"] = (today + timedelta(days=300)).isoformat()
    return json.dumps(file).encode()


def _ask(names: dict[str, str]) -> list[dict[str, Any]]:
    """Every page three times: the first answer, which reads templates, does not count, of the others the faster one
    (a machine with other work stops at any time). Seconds are those that pass, ``cpu`` those of this process."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from lockgate.portal.accounts.models import User

    answers = []
    for role, paths in _PAGES.items():
        client = Client(SERVER_NAME="localhost")
        if role:
            client.force_login(User.objects.get(username=role))
        for pattern in paths:
            path = pattern.format(**names)
            client.get(path)
            seconds, cpu = 1e9, 1e9
            for _ in range(2):
                with CaptureQueriesContext(connection) as asked:
                    started, computed = time.perf_counter(), time.process_time()
                    response = client.get(path)
                    seconds = min(seconds, time.perf_counter() - started)
                    cpu = min(cpu, time.process_time() - computed)
            answers.append(
                {"role": role or "anybody", "path": pattern, "status": response.status_code, "expected": 200,
                 "seconds": seconds, "cpu": cpu, "queries": len(asked)}
            )  # fmt: skip
    return answers


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
