"""Releases: numbered, immutable folders of de-identified Parquet with a manifest.

A release is built in a hidden folder and renamed into place, whole or not at all. It is never changed afterwards:
an opt-out, a correction or an erasure means a new release.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.curate.manifest import read_manifest
from lockgate.curate.retirement import retirement
from lockgate.curate.verify import Problem, verify_folder
from lockgate.errors import UsageError
from lockgate.site import Site

KEY_PURPOSE = "release/ids"
NUMBER = re.compile(r"([0-9]{4})\.([1-9][0-9]*)")


@dataclass(frozen=True)
class Release:
    """A release on disk."""

    number: str
    path: Path
    manifest: dict[str, Any]

    def key(self, site: Site) -> bytes:
        """The secret under which the release's ids were made; LockgateError when its root key is not kept any more."""
        return site.key(KEY_PURPOSE, generation=int(self.manifest.get("root_key", 1)))

    @property
    def omop(self) -> Path:
        """The folder of OMOP tables, one Parquet file each."""
        return self.path / "omop"

    @property
    def linked(self) -> Path:
        """The folder of the tables linked to them."""
        return self.path / "linked"

    @property
    def tables(self) -> dict[str, int]:
        """Rows of each table."""
        return {name: int(table["rows"]) for name, table in self.manifest["tables"].items()}

    def limited_path(self, name: str) -> Path | None:
        """The file of a table's rows that some purposes may not read (see ``write_limited``), or None."""
        described = self.manifest.get("limited", {}).get(name)
        return self.path / str(described["file"]) if described else None

    def table_path(self, name: str) -> Path:
        """The Parquet file of one table; UsageError when the release has none of that name."""
        try:
            path = self.path / str(self.manifest["tables"][name]["file"])
        except KeyError:
            raise UsageError(
                f"release {self.number} has no table {name!r}", remedy="`lockgate release show` lists them"
            ) from None
        if not path.exists() and not self.omop.exists():
            raise UsageError(
                f"the data of release {self.number} were destroyed when it was retired",
                remedy="its manifest and accounts are still there: `lockgate release show`",
            )
        return path


def list_releases(site: Site) -> list[Release]:
    """Every release, oldest first."""
    found = [
        (int(m[1]), int(m[2]), path) for path in site.releases.iterdir() if (m := NUMBER.fullmatch(path.name))
    ]
    return [Release(path.name, path, read_manifest(path)) for _, _, path in sorted(found)]


def bitmaps_folder(site: Site, number: str) -> Path:
    """Where the index of who has which concept stands, of one release (``lockgate.cohorts.release_index``).

    Not in the release's folder, which never changes: it may be deleted and made again at any time.
    """
    return site.staged / "bitmaps" / number


def open_release(site: Site, number: str = "latest") -> Release:
    """One release by its number, or the latest that is not retired; UsageError when there is none."""
    path = site.releases / number
    if number == "latest":
        every = [release for release in list_releases(site) if retirement(site, release.number) is None]
        if every:
            return every[-1]
    elif NUMBER.fullmatch(number) and path.is_dir():
        return Release(number, path, read_manifest(path))
    raise UsageError(
        "this site has no release" if number == "latest" else f"there is no release {number!r}",
        where=str(site.releases),
        remedy="`lockgate release list` names them; `lockgate release build` makes one",
    )


def verify_release(site: Site, number: str) -> list[Problem]:
    """What is wrong with a release; an empty list when every byte is as it was built."""
    path = site.releases / number
    if not NUMBER.fullmatch(number) or not path.is_dir():
        open_release(site, number)
    gone = retirement(site, number)
    return verify_folder(site, path, destroyed=gone is not None and gone.destroyed_at is not None)
