"""What a reading shows: at most how many notes, and identifiers, leak; by type of document and in all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.curate.notesreview.bounds import CONFIDENCE, sample_size, upper_bound
from lockgate.curate.notesreview.sample import Drawn, Review, open_review
from lockgate.disclosure import Rules
from lockgate.disclosure.core import safe_count
from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic

ALL = "All notes"
EVENT = "notes.review.published"


def bounds_of(review: Review) -> list[dict[str, Any]]:
    """The figures of all notes first, then of each type: notes drawn, read, with a miss, and the upper bounds.

    ``notes_bound`` is of the share of notes with a miss, ``identifiers_bound`` of the share of identifiers that were
    left among those left and taken out (None where none was seen); one-sided, of 95 % each. A note that two
    have read has a miss when either found one. Identifiers of a note aren't independent: their bound is rougher.
    """
    told = [_figures(ALL, [one for one in review.sample if one.of_all], review)]
    for type_ in review.types:
        told.append(_figures(type_, [one for one in review.sample if one.type == type_], review))
    return told


def _figures(name: str, drawn: list[Drawn], review: Review) -> dict[str, Any]:
    read = [review.marks[str(one.note_id)] for one in drawn if str(one.note_id) in review.marks]
    leaks = [_misses(marks.values()) for marks in read]
    with_miss = sum(1 for one in leaks if one)
    left = sum(len(one) for one in leaks)
    taken = sum(max(int(mark["tags"]) for mark in marks.values()) for marks in read)
    kinds: dict[str, int] = {}
    for one in leaks:
        for _, _, kind in one:
            kinds[kind] = kinds.get(kind, 0) + 1
    return {
        "type": name,
        "drawn": len(drawn),
        "read": len(read),
        "with_miss": with_miss,
        "notes_bound": upper_bound(with_miss, len(read)) if read else 1.0,
        "identifiers_left": left,
        "identifiers_seen": left + taken,
        "identifiers_bound": upper_bound(left, left + taken) if left + taken else None,
        "kinds": dict(sorted(kinds.items())),
        "whole": len(read) == len(drawn),
    }


def _misses(marks: Iterable[dict[str, Any]]) -> set[tuple[int, int, str]]:
    """The misses of one note by whoever has read it, each once."""
    places: dict[tuple[int, int], str] = {}
    for one in marks:
        for miss in one["misses"]:
            places.setdefault((int(miss["begin"]), int(miss["end"])), str(miss["kind"]))
    return {(begin, end, kind) for (begin, end), kind in places.items()}


def agreement(review: Review) -> dict[str, Any] | None:
    """Of notes that two have read: the share of which both say alike whether there is a miss, and Cohen's kappa."""
    pairs = [
        tuple(bool(mark["misses"]) for _, mark in sorted(marks.items(), key=lambda item: item[1]["at"])[:2])
        for marks in review.marks.values()
        if len(marks) > 1
    ]
    if not pairs:
        return None
    n = len(pairs)
    alike = sum(one == other for one, other in pairs) / n
    first, second = (sum(pair[i] for pair in pairs) / n for i in (0, 1))
    by_chance = first * second + (1 - first) * (1 - second)
    kappa = None if by_chance == 1 else round((alike - by_chance) / (1 - by_chance), 3)
    return {"notes": n, "alike": round(alike, 4), "kappa": kappa}


def summary(site: Site, review: Review) -> dict[str, Any]:
    """Everything of a review, for those who run it; no words of notes."""
    return {
        "release": review.release,
        "notes": review.notes,
        "share": review.share,
        "share_by_type": review.share_by_type,
        "planned": {"all": sample_size(review.share), "each_type": sample_size(review.share_by_type)},
        "drawn_by": review.drawn_by,
        "drawn_at": review.drawn_at,
        "confidence": CONFIDENCE,
        "bounds": bounds_of(review),
        "agreement": agreement(review),
        "readers": sorted({reader for marks in review.marks.values() for reader in marks}),
        "published": published(site, review.release) is not None,
    }


def _place(site: Site) -> Path:
    return site.register / "notes-review"


def publish(site: Site, release: str, *, actor: str) -> dict[str, Any]:
    """Sign what a reading showed and put it beside the release's public pages: ``register/notes-review/RELEASE.json``.

    Refused until every note of the sample was read: whoever stops when it looks well bounds nothing. Types of which
    few notes were read are told together with the others only.
    """
    review = open_review(site, release)
    if review is None:
        raise Refused(
            "no sample of this release was drawn", reasons=["nothing read"], where=f"release {release}"
        )
    figures = bounds_of(review)
    unread = sum(str(one.note_id) not in review.marks for one in review.sample)
    if unread:
        raise Refused(
            f"{unread:,} notes of the sample aren't read", reasons=["the sample is not read to its end"],
            where=f"release {review.release}", remedy="read them: the portal, Notes",
        )  # fmt: skip
    policy = site.config.disclosure
    rules = Rules(threshold=policy.threshold, rounding=policy.rounding)
    rows = [
        {
            "type": one["type"],
            "notes_read": safe_count(one["read"], rules),
            "notes_bound": _up(one["notes_bound"]),
            "identifiers_bound": None if one["identifiers_bound"] is None else _up(one["identifiers_bound"]),
            "misses": "none" if not one["with_miss"] else "some",
        }
        for one in figures
        if one["read"] >= rules.threshold
    ]
    record = {
        "schema": "lockgate.notes-review/1",
        "release": review.release,
        "confidence": CONFIDENCE,
        "read_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bounds": rows,
        "second_reader": agreement(review) is not None,
    }
    body = (json.dumps(record, indent=1) + "\n").encode()
    make_dir(_place(site), public=True)
    write_atomic(_place(site) / f"{review.release}.json", body, public=True)
    write_atomic(_place(site) / f"{review.release}.sig", (site.sign(body).hex() + "\n").encode(), public=True)
    site.audit.append(EVENT, actor=actor, release=review.release, notes_bound=_up(figures[0]["notes_bound"]))
    return record


def _up(share: float) -> float:
    """A bound rounded upwards to a hundredth of a per cent: it still holds, and tells no exact number."""
    return min(1.0, (int(share * 10_000) + 1) / 10_000)


def published(site: Site, release: str) -> dict[str, Any] | None:
    """What was published of a release's reading; None when nothing was, or its signature doesn't fit."""
    path = _place(site) / f"{release}.json"
    try:
        body = path.read_bytes()
        signature = bytes.fromhex(path.with_suffix(".sig").read_text().strip())
        record: dict[str, Any] = json.loads(body)
    except (OSError, ValueError):
        return None
    return record if site.verify(body, signature) else None
