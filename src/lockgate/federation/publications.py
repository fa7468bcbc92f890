"""What members publish, joined: one register of safe projects, and the incidents that they told the public of.

Read from each member's own feed as it was fetched (``/register/feed.json``, ``/api/incidents/published``): what is in
it is public already, and is repeated as it stands, with the member's name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from lockgate.errors import UsageError
from lockgate.portal.register.fields import DUR_FIELDS, plain_cell

REGISTER = "lockgate.register/1"


def joined_register(feeds: Mapping[str, Any]) -> dict[str, Any]:
    """The registers of several members (name -> the feed's JSON values) as one, by member and reference.

    UsageError, naming member and entry, for a feed that is none, an entry without a reference, or two of the same.
    """
    entries: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for member, feed in sorted(feeds.items()):
        if (
            not isinstance(feed, dict)
            or feed.get("schema") != REGISTER
            or not isinstance(feed.get("entries"), list)
        ):
            raise UsageError(
                "is no register's feed",
                where=member,
                remedy="fetch /register/feed.json of the member's portal",
            )
        seen = set()
        for number, entry in enumerate(feed["entries"], 1):
            reference = entry.get("reference") if isinstance(entry, dict) else None
            row = entry.get("data_use_register") if isinstance(entry, dict) else None
            if not isinstance(reference, str) or not isinstance(row, dict):
                raise UsageError(
                    "has no reference, or no fields of the standard", where=f"{member}, entry {number}"
                )
            if reference in seen:
                raise UsageError(f"stands twice: {reference}", where=f"{member}, entry {number}")
            seen.add(reference)
            entries.append({"member": member, "site": feed.get("site", ""), **entry})
        refused += [{"member": member, **one} for one in feed.get("refused", []) if isinstance(one, dict)]
    return {
        "schema": "lockgate.federation-register/1",
        "members": sorted(feeds),
        "entries": entries,
        "refused": refused,
    }


def as_csv(joined: Mapping[str, Any]) -> str:
    """A joined register as CSV: the member, its state, and the fields of the data use register standard."""
    text = io.StringIO()
    names = ["Federation member", "State", *(name for _, name, _ in DUR_FIELDS)]
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    for entry in joined["entries"]:
        row = {
            "Federation member": entry["member"],
            "State": entry.get("state", ""),
            **entry["data_use_register"],
        }
        writer.writerow({name: plain_cell(str(row.get(name, ""))) for name in names})
    return text.getvalue()


def joined_incidents(feeds: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What several members (name -> the feed's JSON values) told the public of incidents, the newest first.

    UsageError, naming member and entry, for a feed that is none.
    """
    found = []
    for member, feed in sorted(feeds.items()):
        if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
            raise UsageError(
                "is no feed of incidents", where=member, remedy="fetch /api/incidents/published of its portal"
            )
        if feed.get("count", len(feed["items"])) != len(feed["items"]):
            raise UsageError(
                "holds a page of the feed, not all of it",
                where=member,
                remedy="fetch with size=200, and join the pages",
            )
        for number, item in enumerate(feed["items"], 1):
            if not isinstance(item, dict) or not isinstance(item.get("published_at"), str):
                raise UsageError("has no day on which it was told", where=f"{member}, entry {number}")
            found.append({"member": member, **item})
    return sorted(found, key=lambda one: str(one["published_at"]), reverse=True)
