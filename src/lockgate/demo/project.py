"""The second half: from one application to a public result."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from lockgate import portal
from lockgate.curate import open_release
from lockgate.demo.story import Story
from lockgate.errors import LockgateError, Refused
from lockgate.site import Site

NETWORK_JOB = b"""\
import socket

socket.create_connection(("192.0.2.1", 443), timeout=5)
"""


@dataclass
class Project:
    """The demonstration's project and the people of its story."""

    site: Site
    slug: str
    people: dict[str, Any]
    accounts: list[dict[str, str]]
    job: Any = None
    request: Any = None


def _expect_refusal(story: Story, what: str, action: Callable[[], object]) -> None:
    """Try what must be refused; a gate that lets it through is a defect and ends the demonstration."""
    try:
        action()
    except Refused as refusal:
        story.refused(what, refusal)
        return
    raise LockgateError(f"a gate let something through: {what}", remedy="report this as a security problem")


def apply_and_decide(story: Story, site: Site, release: str) -> Project:
    """One application, decided by two roles, becomes a signed scope and a workspace."""
    portal.setup(site)
    accounts = portal.demo_accounts(site)
    from lockgate.portal.accounts.models import User
    from lockgate.portal.applications import services as applications
    from lockgate.portal.workspaces import services as workspaces
    from lockgate.portal.workspaces.models import Project as Row

    people = {user.username: user for user in User.objects.all()}
    amara, rosa, idris = people["amara"], people["rosa"], people["idris"]
    story.act(
        "Application",
        "one form; decided by the research centre and the data protection office, never by the applicant",
    )
    form = json.loads(resources.files(__package__).joinpath("application.json").read_text("utf-8"))
    today = _today(site)
    form["answers"] |= {
        "start_date": today.isoformat(),
        "end_date": (today + timedelta(days=365)).isoformat(),
    }
    application = applications.import_file(amara, json.dumps(form))
    applications.submit(amara, application)
    application.refresh_from_db()
    story.passed(f"{application.reference}: “{application.title}”", application=application.reference)
    _expect_refusal(
        story,
        "the applicant decides on her own application",
        lambda: applications.decide(amara, application, "approve"),
    )
    applications.decide(
        rosa, application, "approve", "The question is sound and the data asked for are what it needs."
    )
    story.passed("approved by the research centre (rosa)")
    application.refresh_from_db()
    applications.decide(
        idris, application, "approve", "De-identified data, no commercial interest, opt-outs respected."
    )
    story.passed("approved by the data protection office (idris)")

    story.act(
        "Scope",
        "the approval, signed, is what the project sees: people, tables, columns, period, and nothing else",
    )
    slug = Row.objects.get(application=application).slug
    if workspaces.provision_now(slug, actor="demo") != "ready":
        raise LockgateError("the workspace could not be prepared", where=slug)
    from lockgate.workspace.scope import load

    scope = load(site, slug)
    workspace = json.loads((site.projects / slug / "workspace.json").read_text("utf-8"))
    columns = sum(len(names) for names in scope.tables.values())
    story.passed(
        f"{scope.scope_id}: {len(scope.tables)} tables, {columns} columns, release {release}, "
        f"until {scope.valid_until}; ids of this project only",
        scope=scope.scope_id,
        workspace={name: table["rows"] for name, table in workspace["tables"].items()},
    )
    return Project(site, slug, people, accounts)


def _today(site: Site) -> Any:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime.now(ZoneInfo(site.config.site.timezone)).date()


def try_expired_scope(story: Story, site: Site, project: Project) -> None:
    """The same scope the day after its last, and the same scope with one word changed."""
    from lockgate.workspace.scope import load

    scope = load(site, project.slug)
    after = scope.valid_until + timedelta(days=1)
    _expect_refusal(story, f"the same scope on {after}", lambda: load(site, project.slug, at=after))
    path = next((site.projects / project.slug / "scopes").glob("*.json"))
    whole = path.read_bytes()
    mode = path.stat().st_mode
    try:
        path.chmod(0o600)
        path.write_bytes(whole.replace(b'"month"', b'"exact"', 1))
        _expect_refusal(
            story, "the scope with “month” made “exact” by hand", lambda: load(site, project.slug)
        )
    finally:
        path.write_bytes(whole)
        path.chmod(mode)


TWIN_PEOPLE = 1_000
FEW_FOR_A_TWIN = 1_000  # patients


def try_on_twin(story: Story, site: Site, project: Project) -> None:
    """The study on data of nobody, as the researcher tries it at home; the job after it runs the same code."""
    from lockgate.portal.workspaces import examples
    from lockgate.twin.making import make_twin
    from lockgate.twin.running import run_on_twin
    from lockgate.workspace.scope import load

    story.act("Twin", "code is written outside, on data that look like the project's and are nobody's")
    scope = load(site, project.slug)
    with tempfile.TemporaryDirectory(prefix="lockgate-twin-") as name:
        place = Path(name)
        try:
            made = make_twin(site, place / "twin", actor="demo", scope=scope, people=TWIN_PEOPLE)
        except Refused as refused:
            # the noise of the counts may leave nobody of a small hospital; of a larger one this would be a fault
            if open_release(site).tables["person"] >= FEW_FOR_A_TWIN:
                raise
            story.say(
                f"so few patients allow no twin this time ({refused}); the demonstration has 2,000 by default"
            )
            story.facts["Twin"] = {"refused": str(refused)}
            return
        story.passed(
            f"a twin of {TWIN_PEOPLE:,} invented people in {len(made.facts['tables'])} tables, made of noisy counts, "
            "passed its own check",
            people=TWIN_PEOPLE,
        )
        example = examples.get("age-at-first-diagnosis")
        code = place / example.file
        code.write_bytes(example.code)
        run = run_on_twin(place / "twin", code, place / "outputs")
        if (
            run.exit_code
        ):  # of few patients hardly any code is let out, and the study says that it finds nobody
            why = (run.log.strip().splitlines() or ["no reason given"])[-1]
            story.say(f"so few patients let hardly any code out; on this twin the study stops: {why}")
        else:
            story.passed(f"the study ran on it and left {', '.join(run.outputs)}")
        story.facts["Twin"]["exit_code"] = run.exit_code


def run_study(story: Story, site: Site, project: Project) -> None:
    """A job that tries the network, then the study."""
    from lockgate.portal.workspaces import examples
    from lockgate.portal.workspaces import services as workspaces
    from lockgate.portal.workspaces.models import Project as Row

    story.act(
        "Job",
        "the researcher's code runs in a sandbox: the project's data, no network, nothing else of the machine",
    )
    amara, row = project.people["amara"], Row.objects.get(slug=project.slug)
    escape = workspaces.start_job(amara, row, "escape.py", NETWORK_JOB, now=True)
    if escape.state == "succeeded":
        raise LockgateError("a job reached the network", remedy="report this as a security problem")
    log = (site.projects / project.slug / "jobs" / escape.job_id / "log.txt").read_text("utf-8")
    story.refused("a job that opens a connection", log.strip().splitlines()[-1])
    example = examples.get("age-at-first-diagnosis")
    job = workspaces.start_example(amara, row, example.key, now=True)
    if job.state != "succeeded":
        raise LockgateError(
            f"the study {job.state}: {job.problem}", where=f"{project.slug}, job {job.job_id}"
        )
    story.passed(
        f"the study ran in {job.seconds:.1f} s and left {', '.join(item['name'] for item in job.outputs)}",
        job=job.job_id,
    )
    project.job = job


def ask_for_release(story: Story, project: Project) -> None:
    """The airlock: held back, repaired, reviewed by two people who don't see each other's view."""
    from lockgate.portal.airlock import services as airlock
    from lockgate.portal.airlock.models import Request

    story.act("Airlock", "nothing leaves before rules have checked every number and two people have agreed")
    amara, mei, callum = (project.people[name] for name in ("amara", "mei", "callum"))
    request = airlock.request_release(
        amara,
        project.job,
        title="Age at first diagnosis by deprivation",
        purpose="For the register and a paper",
    )
    candidate = request.candidates.latest("number")
    findings = [
        f"{verdict['file']}: {finding['rule']}, {finding['where']}: {finding['message']}"
        for verdict in candidate.verdicts
        for finding in verdict["findings"]
        if verdict["decision"] == "fail"
    ]
    if not findings:
        raise LockgateError("the small cell of the study was not seen", where=project.slug)
    story.refused("the study's tables as they are", Refused("held back", reasons=findings))
    _expect_refusal(
        story, "a reviewer passes them all the same", lambda: airlock.review(mei, request, "approve")
    )
    airlock.repair(amara, request)
    request = Request.objects.get(pk=request.pk)
    story.passed(
        "repaired by rule: small cells hidden, others hidden so that they can't be worked out, counts rounded"
    )
    _expect_refusal(
        story, "the author reviews her own request", lambda: airlock.review(amara, request, "approve")
    )
    airlock.review(mei, request, "approve", "Counts and intervals are safe.")
    story.passed("first reviewer (mei): release")
    airlock.review(callum, Request.objects.get(pk=request.pk), "approve", "Agreed.")
    story.passed("second reviewer (callum), without having seen the first one's view: release")
    project.request = Request.objects.get(pk=request.pk)


def publish(story: Story, site: Site, project: Project) -> None:
    """What the public sees."""
    story.act("Register", "what the public reads: who, what for, on what basis, and what came of it")
    results = sorted((site.register / "results" / project.slug).rglob("*"))
    files = [path for path in results if path.is_file()]
    table = next(path for path in files if path.name == "age_by_decile.csv")
    chart = next((path for path in files if path.suffix == ".svg"), None)
    head, *rows = [line.split(",") for line in table.read_text("utf-8").strip().splitlines()]
    story.table(*head, rows=rows)
    problems = site.audit.verify()
    if problems:
        raise LockgateError(problems[0].message, where=str(site.audit.chain))
    entries = sum(1 for _ in site.audit.entries())
    story.passed(f"the audit chain is whole: {entries} entries tell who did what", entries=entries)
    story.facts["Register"] |= {
        "results": [str(path) for path in files],
        "chart": str(chart) if chart else "",
    }
    story.facts["accounts"] = project.accounts
