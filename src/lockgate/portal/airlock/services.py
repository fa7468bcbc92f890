"""The only writer of the airlock."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from django.utils import timezone

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.airlock import plane, rules, signals
from lockgate.portal.airlock.models import Candidate, Comment, Request, Review
from lockgate.portal.outbox.writing import Record, writing
from lockgate.portal.plane import outputs_record
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Job, Project
from lockgate.portal.workspaces.rules import OPEN
from lockgate.site.files import atomic_dir, sha256_file


def request_release(
    user: User, job: Job, *, title: str, purpose: str, runs: int = 0, again_of: Request | None = None
) -> Request:
    """Ask for a job's outputs to be released: they are copied, checked, and go to review if they pass.

    ``runs``: how many further runs of the same code the approval shall cover. ``again_of``: the released request that
    this repeats: if nothing but the figures differs, it is released by rule; so is one of low risk, where the site's
    policy says so. Everything else goes to two people.
    """
    check(user.person, "airlock.request")
    if user.username not in job.project.members:
        raise Refused("only members of the project can ask for its results", reasons=["not a member"])
    if job.project.state not in OPEN:
        raise Refused(
            "the project has ended or is suspended; nothing is released from it",
            reasons=[f"project {job.project.state}"],
        )
    if not 0 <= runs <= rules.MOST_RUNS:
        raise Refused(f"an approval covers up to {rules.MOST_RUNS} further runs", reasons=["too many runs"])
    _finished(job)
    title, purpose = title.strip(), purpose.strip()
    if again_of is not None:
        title, purpose = title or again_of.title, purpose or again_of.purpose
    if not title or not purpose:
        raise Refused(
            "say what the results show and where they will go", reasons=["title or purpose missing"]
        )
    with writing(
        "airlock.requested", actor=user.username, project=job.project.slug, job=str(job.key)
    ) as record:
        Project.objects.select_for_update().get(pk=job.project_id)
        number = Request.objects.filter(job__project=job.project).count() + 1
        request = Request(
            reference=f"{job.project.slug}-r{number}", job=job, author=user, title=title, purpose=purpose,
            runs_asked=runs, again_of=again_of,
        )  # fmt: skip
        request.state = "failing"
        request.save()
        record.detail["request"] = request.reference
        candidate = _candidate(request, 1, job.outputs_folder, record, repaired=False)
        request.state = rules.next_state("new", "pass" if candidate.passes else "fail")
        if candidate.passes:
            _by_rule(request, candidate, record)
        request.save()
    return request


def _finished(job: Job) -> None:
    if job.state != "succeeded":
        raise Refused("only a finished job has outputs to release", reasons=[f"job {job.state}"])
    if not job.outputs_folder.is_dir() or not any(job.outputs_folder.iterdir()):
        raise Refused("the job wrote no outputs", reasons=["no outputs"])


def _by_rule(request: Request, candidate: Candidate, record: Record) -> None:
    """Release without people what repeats an approved request, or is of low risk where the site lets rules decide."""
    why = ""
    if request.again_of_id:
        base = Request.objects.select_for_update().get(pk=request.again_of_id)
        request.differs = _unlike_before(request, candidate, base)
        if not request.differs:
            base.runs_left -= 1
            base.save(update_fields=["runs_left"])
            why = f"the same again as {base.reference}"
    if not why and not candidate.repaired and plane.low_risk(
        current_site(), request.job.project.scope, candidate.checked_folder, candidate.verdicts
    ):  # fmt: skip
        why = "low risk"
    if not why:
        return
    request.state = rules.next_state(request.state, "release")
    request.decided_by, request.decided_at = "rule", timezone.now()
    record.also("airlock.by_rule", request=request.reference, because=why)
    _release(request, candidate, record)


def _unlike_before(request: Request, candidate: Candidate, base: Request) -> list[str]:
    """Why a repeated run must go to people: anything but the figures differs, or a rule has something to ask."""
    reasons = []
    if base.state != "released" or base.job.project_id != request.job.project_id:
        reasons.append(f"{base.reference} is no released request of this project")
    if base.runs_left < 1:
        reasons.append("no run that the approval covers is left")
    if base.job.code_sha256 != request.job.code_sha256:
        reasons.append("the code is not the same")
    reasons += [
        f"{v['file']}: a rule asks for a person" for v in candidate.verdicts if v["decision"] != "pass"
    ]
    return reasons + plane.unlike(candidate.checked_folder, base.shape)


def revise(user: User, request: Request, job: Job) -> Candidate:
    """Put another job's outputs in the place of those that were returned or held back; all begins anew."""
    with writing(
        "airlock.revised", actor=user.username, request=request.reference, job=str(job.key)
    ) as record:
        request = _locked(request)
        rules.check_revise(user.person, request.facts())
        if job.project_id != request.job.project_id:
            raise Refused("the job is another project's", reasons=["another project"])
        _finished(job)
        before, number = request.state, request.candidate.number + 1
        request.job = job
        candidate = _candidate(request, number, job.outputs_folder, record, repaired=False)
        request.state = rules.next_state(before, "pass" if candidate.passes else "fail")
        request.save(update_fields=["state", "job"])
    return candidate


def comment(user: User, request: Request, text: str) -> Comment:
    """Write under a request."""
    text = text.strip()
    if not text or len(text) > 4_000:
        raise Refused("write up to 4,000 characters", reasons=["empty or too long"], where="text")
    with writing("airlock.commented", actor=user.username, request=request.reference):
        request = _locked(request)
        rules.check_comment(user.person, request.facts())
        return Comment.objects.create(request=request, by=user, text=text)


def recall(user: User, request: Request, reason: str) -> None:
    """Take a released result back: the register says so and shows it no more; it is still compared with what comes."""
    reason = reason.strip()
    if not reason:
        raise Refused(
            "say why it is recalled: the register shows it", reasons=["reason missing"], where="reason"
        )
    with writing("airlock.recalled", actor=user.username, request=request.reference) as record:
        request = _locked(request)
        rules.check_recall(user.person, request.facts())
        request.state = rules.next_state(request.state, "recall")
        request.recalled_at, request.recall_reason, request.runs_left = timezone.now(), reason, 0
        request.save(update_fields=["state", "recalled_at", "recall_reason", "runs_left"])
        signals.recalled.send(Request, request=request, record=record)
        at = request.recalled_at.isoformat(timespec="seconds")
        plane.recall(current_site(), request.job.project.slug, request.reference, reason=reason, at=at)


def _candidate(request: Request, number: int, source: Path, record: Record, *, repaired: bool) -> Candidate:
    """Copy outputs into a folder of their own, check them there, and set apart exactly what would leave."""
    candidate = Candidate(request=request, number=number, repaired=repaired)
    for left in (candidate.checked_folder, candidate.folder):
        shutil.rmtree(left, ignore_errors=True)  # of a candidate that a crash kept out of the database
    scope = request.job.project.scope
    uncopied = plane.not_to_copy(current_site(), scope, source)  # links, sockets, what is far too large
    with atomic_dir(candidate.checked_folder) as folder:
        for path in sorted(source.iterdir()):
            if path.name not in uncopied:
                shutil.copyfile(path, folder / path.name, follow_symlinks=False)
    candidate.verdicts = [
        *plane.check_outputs(current_site(), request.job.project.slug, scope, candidate.checked_folder),
        *uncopied.values(),
    ]
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
    about = {plane.leaves_as(entry): entry for entry in outputs_record(checked)}
    return [
        {
            "name": path.name,
            "kind": str(about.get(path.name, {}).get("kind", "")),
            "title": str(about.get(path.name, {}).get("title") or path.name),
            "notes": str(about.get(path.name, {}).get("notes") or ""),
            "group": str(about.get(path.name, {}).get("group") or ""),
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
    with writing("airlock.withdrawn", actor=user.username, request=request.reference) as record:
        request = _locked(request)
        rules.check_withdraw(user.person, request.facts())
        _take_back(request, record)
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
    if decision != "approve" and not note:
        why = "say why it can't be released" if decision == "refuse" else "say what to change"
        raise Refused(why, reasons=["note missing"], where="note")
    with writing("airlock.reviewed", actor=user.username, request=request.reference) as record:
        request = _locked(request)
        rules.check_review(user.person, request.facts())
        candidate = request.candidate
        Review.objects.create(candidate=candidate, by=user, decision=decision, note=note)
        record.detail.update(candidate=candidate.number, decision=decision)
        happening = rules.outcome(request.facts().reviews)
        request.state = rules.next_state(request.state, happening)
        if happening in ("refuse", "release"):
            request.decided_at = timezone.now()
        if happening in ("refuse", "return"):
            record.also(
                {"refuse": "airlock.refused", "return": "airlock.returned"}[happening],
                request=request.reference,
            )
            _take_back(request, record)
        if happening == "release":
            _still_safe(request, candidate)
            _release(request, candidate, record)
        request.save(update_fields=["state", "decided_at", "runs_left", "shape"])
    return request.state


def _still_safe(request: Request, candidate: Candidate) -> None:
    """Refuse a release that was safe when it was handed in, and isn't beside what left, or was shown, since."""
    project = Project.objects.select_for_update().get(
        pk=request.job.project_id
    )  # one release of a project at a time
    again = plane.check_outputs(current_site(), project.slug, project.scope, candidate.checked_folder)
    reasons = [
        f"{verdict['file']}: {finding['where']}: {finding['message']}"
        for verdict in again
        for finding in verdict["findings"]
        if finding["severity"] == "fail"
    ]
    if reasons:
        raise Refused(
            "since this was checked something else left, or was shown, beside which it is not safe",
            reasons=reasons,
            remedy="return it for changes: it is then checked anew",
        )


def _take_back(request: Request, record: Record) -> None:
    """What is decided otherwise may stand in public, if this was cut off between an earlier release and its record."""
    if plane.take_back(current_site(), request.job.project.slug, request.reference):
        record.also("airlock.taken_back", request=request.reference)


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
    if request.runs_asked:
        request.runs_left = request.runs_asked
        request.shape = plane.shape(candidate.checked_folder)
    files = {item["name"]: item["sha256"] for item in candidate.files}
    record.also("airlock.released", request=request.reference, files=files)
    signals.released.send(Request, request=request, record=record)
    plane.remember(current_site(), request.job.project.slug, request.reference, candidate.checked_folder)
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
        "decided_by": request.decided_by,
        "runs_covered": request.runs_asked,
        "again_of": request.again_of.reference if request.again_of else "",
        "organisation": request.author.organisation.name if request.author.organisation else "",
        "run_ended": request.job.finished_at.isoformat(timespec="seconds") if request.job.finished_at else "",
        "released_at": timezone.now().isoformat(timespec="seconds"),
    }


def _locked(request: Request) -> Request:
    return Request.objects.select_for_update().select_related("author", "job__project").get(pk=request.pk)
