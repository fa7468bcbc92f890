"""The API of what comes in: files that members bring into a project, and what the hospital's systems sent."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

from ninja import File, Form, Query, Schema
from ninja.files import UploadedFile
from pydantic import StringConstraints

from lockgate.portal.airlock import imports as services
from lockgate.portal.airlock.import_views import get_import, member_project, reviews_of, visible
from lockgate.portal.airlock.models import Import
from lockgate.portal.api.access import In, Operations, Paging, once, page_of
from lockgate.portal.incoming.views import told as incoming_told
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain

router = Operations(tags=["imports"])
Text = Annotated[str, StringConstraints(max_length=10_000)]


class ImportOut(Schema):
    """Files that ask to come into a project, in a list."""

    reference: str
    title: str
    state: str
    author: str
    project: str
    created_at: datetime
    decided_at: datetime | None


class Imports(Schema):
    """A page of imports, and how many there are in all."""

    items: list[ImportOut]
    count: int


class ImportReviewOut(Schema):
    """A review. Before both are in each reviewer sees their own only."""

    by: str
    decision: str
    note: str
    at: datetime


class ImportFull(ImportOut):
    """An import: where the files come from, each with name, size and SHA-256, what the checks say, the reviews."""

    purpose: str
    files: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    reviews: list[ImportReviewOut]


class ImportReviewIn(In):
    """approve or refuse; why, unless it is approved."""

    decision: str
    note: str = ""


class SourceOut(Schema):
    """What one source sent, in items as they arrived."""

    source: str
    batches: int
    last: datetime
    received: int
    staged: int
    quarantined: int
    duplicates: int


class HeldOut(Schema):
    """Why items are held back now. ``retried``: a later batch may take them by itself."""

    reason: str
    count: int
    meaning: str
    remedy: str
    retried: bool


class ReleaseOut(Schema):
    """A release that was built."""

    release: str
    built_at: str
    batches: int
    tables: int
    described: bool
    checked: bool


class BatchOut(Schema):
    """A batch as it arrived."""

    batch: str
    source: str
    format: str
    received_at: datetime
    received: int
    staged: int
    quarantined: int
    duplicates: int
    in_release: bool


class Incoming(Schema):
    """What came in: by source, what is held back, how many batches wait for a release, the newest 200 batches."""

    sources: list[SourceOut]
    held: list[HeldOut]
    waiting: int
    releases: list[ReleaseOut]
    batches: list[BatchOut]


def _row(row: Import) -> dict[str, Any]:
    names = ("reference", "title", "state", "created_at", "decided_at")
    told = {name: getattr(row, name) for name in names}
    return {**told, "author": row.author.username, "project": row.project.slug}


def _full(request: SignedIn, reference: str) -> dict[str, Any]:
    row = get_import(request, reference)
    return {
        **_row(row),
        "purpose": row.purpose,
        "files": plain(row.files),
        "verdicts": plain(row.verdicts),
        "reviews": [
            {"by": one.by.username, "decision": one.decision, "note": one.note, "at": one.at}
            for one in reviews_of(request, row)
        ],
    }


@router.on("GET", "/imports", Imports, scope="read")
def imports(request: SignedIn, paging: Query[Paging], state: str = "") -> Any:
    """The imports that I may read: those of my projects, or all for those who review them."""
    rows = visible(request)
    return page_of(rows.filter(state=state) if state else rows, paging, _row)


@router.on("GET", "/imports/{reference}", ImportFull, scope="read")
def one_import(request: SignedIn, reference: str) -> Any:
    """One import: its files by name, what the checks say of each, and the reviews."""
    return _full(request, reference)


@router.on(
    "POST", "/projects/{slug}/imports", ImportFull, scope="run", needs="airlock.request", status=201
)  # fmt: skip
def request_import(
    request: SignedIn, slug: str, title: Form[Text], purpose: Form[Text], files: File[list[UploadedFile]]
) -> Any:
    """Ask for code or reference data to be brought into my project (multipart/form-data, up to 20 files).

    They are checked at once, a zip archive is unpacked, and they go to two reviewers if they pass.
    """
    project = member_project(request, slug)
    digest = hashlib.sha256(f"{title}\0{purpose}".encode())
    for file in files:
        digest.update((file.name or "").encode(errors="replace"))
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)

    def make() -> str:
        asked = services.request_import(request.user, project, title=title, purpose=purpose, uploads=files)
        return asked.reference

    return _full(request, once(request, make, digest.digest()))


@router.on("POST", "/imports/{reference}/reviews", ImportFull, scope="review", needs="airlock.review")
def review_import(request: SignedIn, reference: str, told: ImportReviewIn) -> Any:
    """Let files in, or refuse them; hidden from the other reviewer until both have decided."""
    services.review_import(request.user, get_import(request, reference), told.decision, told.note)
    return _full(request, reference)


@router.on("POST", "/imports/{reference}/withdraw", ImportFull, scope="run")
def withdraw_import(request: SignedIn, reference: str) -> Any:
    """Take my import back; its files are deleted."""
    services.withdraw_import(request.user, get_import(request, reference))
    return _full(request, reference)


@router.on("GET", "/incoming", Incoming, scope="read", needs="capture.read")
def incoming(request: SignedIn) -> Any:
    """What the hospital's systems sent, what is held back and why, and what no release has yet."""
    found = incoming_told(request)
    return {**found, "batches": found["batches"][:200]}
