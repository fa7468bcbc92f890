"""What changed from one release to another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lockgate.curate.release import Release


@dataclass(frozen=True, slots=True)
class TableChange:
    """Rows of a table before and after; ``same`` when the file is the same to the byte."""

    table: str
    before: int
    after: int
    same: bool

    def as_dict(self) -> dict[str, Any]:
        """The change with its difference in rows."""
        return {**asdict(self), "difference": self.after - self.before}


def diff_releases(before: Release, after: Release) -> list[TableChange]:
    """Table by table, in order of name; a table that a release lacks has 0 rows there."""
    one, two = before.manifest["tables"], after.manifest["tables"]
    return [
        TableChange(
            table=name,
            before=int(one.get(name, {}).get("rows", 0)),
            after=int(two.get(name, {}).get("rows", 0)),
            same=name in one and name in two and one[name]["sha256"] == two[name]["sha256"],
        )
        for name in sorted(one.keys() | two.keys())
    ]
