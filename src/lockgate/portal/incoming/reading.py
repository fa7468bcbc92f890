"""What the landing zone says of itself, in counts of items and reasons: no item, no file's name, nothing of a person.

Counts are exact: those who keep the data read them, and nobody else (``capture.read``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lockgate.capture.batches import batches
from lockgate.capture.held import list_held
from lockgate.capture.reasons import REASONS
from lockgate.catalogue import list_catalogues
from lockgate.curate.release import Release, list_releases
from lockgate.portal.accounts.rules import Person, check
from lockgate.site import Site

RELEASES = 5
_COUNTS = ("received", "staged", "quarantined", "duplicates")


def arrivals(person: Person, site: Site) -> list[dict[str, Any]]:
    """Each batch as it was when it arrived, the newest first. ``release``: whether the newest release has it."""
    check(person, "capture.read")
    used = _used(site)
    return [
        {
            "batch": one.batch_id,
            "source": one.source,
            "format": one.format,
            "received_at": one.facts["received_at"],
            **{name: int(one.facts[name]) for name in _COUNTS},
            "in_release": one.batch_id in used,
        }
        for one in reversed(batches(site))
    ]


def sources(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sums of batches by source, with when each was last heard of."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:  # the newest first
        one = found.setdefault(
            row["source"],
            {"source": row["source"], "batches": 0, "last": row["received_at"], **dict.fromkeys(_COUNTS, 0)},
        )
        one["batches"] += 1
        for name in _COUNTS:
            one[name] += row[name]
    return sorted(found.values(), key=lambda one: one["source"])


def held_back(person: Person, site: Site) -> list[dict[str, Any]]:
    """Why items are in quarantine now, the commonest reason first: how many, what it means and what to do."""
    check(person, "capture.read")
    counts = _held(site, tuple(one.batch_id for one in batches(site)))
    return [
        {
            "reason": reason,
            "count": count,
            "meaning": REASONS[reason].meaning,
            "remedy": REASONS[reason].remedy,
            "retried": REASONS[reason].retried,
        }
        for reason, count in sorted(counts, key=lambda one: (-one[1], one[0]))
    ]


def newest_releases(person: Person, site: Site) -> list[dict[str, Any]]:
    """The last releases, the newest first: number, when built, sizes, whether it is described and was checked."""
    check(person, "capture.read")
    described = {one.release for one in list_catalogues(site)}
    return [
        {
            "release": one.number,
            "built_at": str(one.manifest.get("created_at", "")),
            "batches": len(one.manifest.get("batches", [])),
            "tables": len(one.manifest["tables"]),
            "described": one.number in described,
            "checked": bool(one.manifest.get("quality_checks")),
        }
        for one in reversed(_releases(site)[-RELEASES:])
    ]


def _releases(site: Site) -> list[Release]:
    return list_releases(site) if site.releases.is_dir() else []


def _used(site: Site) -> frozenset[str]:
    every = _releases(site)
    return frozenset(every[-1].manifest.get("batches", [])) if every else frozenset()


@lru_cache(maxsize=4)
def _held(site: Site, known: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Counts by reason. Batches never change and only a batch takes items out, so they hold until the next one."""
    counts, _ = list_held(site, limit=0)
    return tuple(counts.items())
