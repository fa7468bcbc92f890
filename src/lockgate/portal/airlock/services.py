"""The only writer of the airlock."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from django.utils import timezone

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.airlock import rules, signals
from lockgate.portal.airlock.models import Candidate, Request, Review
from lockgate.portal.outbox.writing import Record, writing
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Job, Project
from lockgate.portal.workspaces.rules import OPEN
from lockgate.site.files import atomic_dir, sha256_file


def request_release(user: User, job: Job, *, title: str, purpose: str) -> Request:
    """Ask for a job's outputs to be released: they are copied, checked, and go to review if they pass."""
    check(user.person, "airlock.request")
    if user.username not in job.project.members:
        raise Refused("only members of the project can ask for its results", reasons=["not a member"])
    if job.project.state not in OPEN:
        raise Refused(
            "the project has ended or is suspended; nothing is released from it",
            reasons=[f"project {job.project.state}"],
        )
    if job.state != "succeeded":
        raise Refused("only a finished job has outputs to release", reasons=[f"job {job.state}"])
    title, purpose = title.strip(), purpose.strip()
    if not title or not purpose:
        raise Refused(
            "say what the results show and where they will go", reasons=["title or purpose missing"]
        )
    if not job.outputs_folder.is_dir() or not any(job.outputs_folder.iterdir()):
        raise Refused("the job wrote no outputs", reasons=["no outputs"])
    with writing(
        "airlock.requested", actor=user.username, project=job.project.slug, job=str(job.key)
    ) as record:
        Project.objects.select_for_update().get(pk=job.project_id)
        number = Request.objects.filter(job__project=job.project).count() + 1
        request = Request(
            reference=f"{job.project.slug}-r{number}", job=job, author=user, title=title, purpose=purpose
        )
        request.state = "failing"
        request.save()
        record.detail["request"] = request.reference
        candidate = _candidate(request, 1, job.outputs_folder, record, repaired=False)
        request.state = rules.next_state("new", "pass" if candidate.passes else "fail")
        request.save(update_fields=["state"])
    return request


def _candidate(request: Request, number: int, source: Path, record: Record, *, repaired: bool) -> Candidate:
    """Copy outputs into a folder of their own, check them there, and set apart exactly what would leave."""
    candidate = Candidate(request=request, number=number, repaired=repaired)
    for left in (candidate.checked_folder, candidate.folder):
        shutil.rmtree(left, ignore_errors=True)  # of a candidate that a crash kept out of the database
    with atomic_dir(candidate.checked_folder) as folder:
        for path in sorted(source.iterdir()):
            if path.is_file() and not path.is_symlink():
                shutil.copyfile(path, folder / path.name)
    candidate.verdicts = plane.check_outputs(
        current_site(), request.job.project.slug, request.job.project.scope, candidate.checked_folder
    )
    candidate.passes = bool(candidate.verdicts) and all(
        item["decision"] != "fail" for item in candidate.verdicts
    )
    candidate.repairable = any(item.get("repaired") for item in candidate.verdicts)
    candidate.files = _set_apart(candidate)
    candidate.save()
    record.also(
        "airlock.checked",
        request=request.reference,
        candidate=number,
        passes=candidate.passes,
        files={item["name"]: item["sha256"] for item in candidate.files},
        rules=sorted({finding["rule"] for item in candidate.verdicts for finding in item["findings"]}),
    )
    return candidate


def _set_apart(candidate: Candidate) -> list[dict[str, Any]]:
    """The files that would leave: what two people review is these bytes, and their hashes are compared at the end.

    The evidence (outputs.json) stays. Of what the checks hold back nothing is set apart: nobody is to see it.
    """
    if not candidate.passes:
        return []
    project, checked = candidate.request.job.project, candidate.checked_folder
    with atomic_dir(candidate.folder) as folder:
        plane.prepare(current_site(), project.slug, project.scope, checked, folder)
    about = {plane.leaves_as(entry): entry for entry in plane.outputs_record(checked)}
    return [
        {
            "name": path.name,
            "kind": str(about.get(path.name, {}).get("kind", "")),
            "title": str(about.get(path.name, {}).get("title") or path.name),
            "notes": str(about.get(path.name, {}).get("notes") or ""),
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path in sorted(candidate.folder.iterdir())
        if path.is_file()
    ]


def repair(user: User, request: Request) -> Candidate:
    """Make a repaired candidate (suppression and rounding by the disclosure core) and check it again."""
    with writing("airlock.repaired", actor=user.username, request=request.reference) as record:
        request = _locked(request)
        rules.check_repair(user.person, request.facts())
        before = request.candidate
        workspace = request.folder / f".repair-{before.number + 1}"
        shutil.rmtree(workspace, ignore_errors=True)
        try:
            plane.repair(
                current_site(),
                request.job.project.slug,
                request.job.project.scope,
                before.checked_folder,
                workspace,
            )
            candidate = _candidate(request, before.number + 1, workspace, record, repaired=True)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)
        request.state = rules.next_state("failing", "pass" if candidate.passes else "fail")
        request.save(update_fields=["state"])
        record.detail["candidate"] = candidate.number
    return candidate


def withdraw(user: User, request: Request) -> None:
    """The author takes the request back."""
    with writing("airlock.withdrawn", actor=user.username, request=request.reference):
        request = _locked(request)
        rules.check_withdraw(user.person, request.facts())
        request.state = rules.next_state(request.state, "withdraw")
        request.decided_at = timezone.now()
        request.save(update_fields=["state", "decided_at"])


def review(user: User, request: Request, decision: str, note: str = "") -> str:
    """Record one reviewer's decision; with the second, release or refuse. The state afterwards.

    On release the reviewed files are copied out by the data plane, which compares every hash; if it refuses, the
    review isn't recorded either.
    """
    if decision not in rules.DECISIONS:
        raise UsageError(f"there is no decision {decision!r}", remedy="one of " + ", ".join(rules.DECISIONS))
    note = note.strip()
    if decision == "refuse" and not note:
        raise Refused("say why it can't be released", reasons=["note missing"], where="note")
    with writing("airlock.reviewed", actor=user.username, request=request.reference) as record:
        request = _locked(request)
        rules.check_review(user.person, request.facts())
        candidate = request.candidate
        Review.objects.create(candidate=candidate, by=user, decision=decision, note=note)
        record.detail.update(candidate=candidate.number, decision=decision)
        happening = rules.outcome(request.facts().reviews)
        request.state = rules.next_state(request.state, happening)
        if happening != "review":
            request.decided_at = timezone.now()
        request.save(update_fields=["state", "decided_at"])
        if happening == "refuse":
            record.also("airlock.refused", request=request.reference)
        if happening == "release":
            _release(request, candidate, record)
    return request.state


def _release(request: Request, candidate: Candidate, record: Record) -> None:
    changed = [
        item["name"]
        for item in candidate.files
        if sha256_file(candidate.folder / item["name"]) != item["sha256"]
    ]
    if changed:
        raise LockgateError(
            f"{', '.join(changed)} changed after the check",
            where=str(request.reference),
            remedy="refuse the request",
        )
    files = {item["name"]: item["sha256"] for item in candidate.files}
    record.also("airlock.released", request=request.reference, files=files)
    signals.released.send(Request, request=request, record=record)
    plane.publish(
        current_site(),
        request.job.project.slug,
        request.reference,
        [candidate.folder / item["name"] for item in candidate.files],
        _release_record(request, candidate),
    )


def _release_record(request: Request, candidate: Candidate) -> dict[str, Any]:
    """What is written beside the released files. It names roles of reviewers, not people: it is public."""
    project = request.job.project
    return {
        "request": request.reference,
        "project": project.slug,
        "title": request.title,
        "purpose": request.purpose,
        "scope": project.scope["scope_id"],
        "release": project.scope["release"],
        "code_sha256": request.job.code_sha256,
        "candidate": candidate.number,
        "repaired": candidate.repaired,
        "files": candidate.files,
        "checks": candidate.verdicts,
        "reviews": [
            {"role": "output_checker", "decision": item.decision, "at": item.at.isoformat()}
            for item in candidate.reviews.order_by("at")
        ],
        "released_at": timezone.now().isoformat(timespec="seconds"),
    }


def _locked(request: Request) -> Request:
    return Request.objects.select_for_update().select_related("author", "job__project").get(pk=request.pk)
