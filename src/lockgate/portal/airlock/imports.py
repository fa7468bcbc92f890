"""The only writer of what comes in: code and reference data, by the same two people."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.airlock import plane, rules
from lockgate.portal.airlock.models import Import, ImportReview
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Project
from lockgate.portal.workspaces.rules import OPEN
from lockgate.site.files import atomic_dir, make_dir

MOST_FILES = 20


def request_import(
    user: User, project: Project, *, title: str, purpose: str, uploads: Sequence[Any]
) -> Import:
    """Ask for files (as Django takes uploads) to be brought in: checked, an archive unpacked first, they go to review.

    Refused, with every reason, for no files, names that no file may have, or an archive that explodes.
    """
    check(user.person, "airlock.request")
    if user.username not in project.members:
        raise Refused("only members of the project can bring something in", reasons=["not a member"])
    if project.state not in OPEN:
        raise Refused("the project has ended", reasons=[f"project {project.state}"])
    title, purpose = title.strip(), purpose.strip()
    if not title or not purpose:
        raise Refused(
            "say what it is, where it comes from and what it is for", reasons=["title or purpose missing"]
        )
    if not 0 < len(uploads) <= MOST_FILES:
        raise Refused(f"hand in 1 to {MOST_FILES} files, or one archive", reasons=["no files"], where="files")
    with writing("import.requested", actor=user.username, project=project.slug) as record:
        Project.objects.select_for_update().get(pk=project.pk)
        reference = f"{project.slug}-i{project.imports.count() + 1}"
        asked = Import(reference=reference, project=project, author=user, title=title, purpose=purpose)
        shutil.rmtree(asked.folder, ignore_errors=True)  # of a request that a crash kept out of the database
        make_dir(asked.folder.parent)
        with atomic_dir(asked.folder) as folder:
            for upload in uploads:
                _take(upload, folder)
        asked.verdicts, asked.files = plane.check_incoming(asked.folder)
        passes = all(item["decision"] != "fail" for item in asked.verdicts)
        asked.state = "in_review" if passes else "failing"
        asked.save()
        record.detail.update(
            request=reference, passes=passes, files={item["name"]: item["sha256"] for item in asked.files}
        )
    return asked


def _take(upload: Any, folder: Path) -> None:
    name = Path(upload.name or "").name
    if not name or name.startswith(".") or not name.isprintable() or (folder / name).exists():
        raise Refused(
            "a file has no name, an odd one, or that of another", reasons=["file name"], where="files"
        )
    if (upload.size or 0) > plane.MOST_INCOMING:
        raise Refused(
            f"a file is larger than {plane.MOST_INCOMING:,} bytes", reasons=["too large"], where="files"
        )
    with (folder / name).open("xb") as copy:
        for chunk in upload.chunks():
            copy.write(chunk)
    if name.lower().endswith(".zip"):
        plane.unpack_incoming(folder / name, folder / name[:-4])


def withdraw_import(user: User, asked: Import) -> None:
    """The author takes it back."""
    with writing("import.withdrawn", actor=user.username, request=asked.reference):
        asked = _locked(asked)
        rules.check_withdraw(user.person, asked.facts())
        asked.state, asked.decided_at = rules.next_state(asked.state, "withdraw"), timezone.now()
        asked.save(update_fields=["state", "decided_at"])
        shutil.rmtree(asked.folder, ignore_errors=True)


def review_import(user: User, asked: Import, decision: str, note: str = "") -> str:
    """Record one checker's decision; with the second the files appear in the project, or are refused. The state."""
    if decision not in rules.IMPORT_DECISIONS:
        known = ", ".join(rules.IMPORT_DECISIONS)
        raise UsageError(f"there is no decision {decision!r}", remedy=f"one of {known}")
    note = note.strip()
    if decision == "refuse" and not note:
        raise Refused("say why it can't come in", reasons=["note missing"], where="note")
    with writing("import.reviewed", actor=user.username, request=asked.reference) as record:
        asked = _locked(asked)
        rules.check_review(user.person, asked.facts())
        ImportReview.objects.create(asked=asked, by=user, decision=decision, note=note)
        record.detail["decision"] = decision
        happening = rules.outcome(asked.facts().reviews)
        if happening == "release":
            happening = "import"
            plane.bring_in(current_site(), asked.project.slug, asked.reference, asked.folder, _record(asked))
            record.also("import.made", request=asked.reference, project=asked.project.slug)
        asked.state = rules.next_state(asked.state, happening)
        if happening != "review":
            asked.decided_at = timezone.now()
        asked.save(update_fields=["state", "decided_at"])
    return asked.state


def _record(asked: Import) -> dict[str, object]:
    return {
        "request": asked.reference,
        "title": asked.title,
        "purpose": asked.purpose,
        "files": asked.files,
        "checks": asked.verdicts,
        "reviews": [
            {"role": "output_checker", "decision": item.decision, "at": item.at.isoformat()}
            for item in asked.reviews.order_by("at")
        ],
    }


def _locked(asked: Import) -> Import:
    return Import.objects.select_for_update().select_related("author", "project").get(pk=asked.pk)
