"""Releases: numbered, immutable folders of de-identified Parquet with a manifest.

A release is built in a hidden folder and renamed into place, whole or not at all. It is never changed afterwards:
an opt-out, a correction or an erasure means a new release.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from lockgate import terminology
from lockgate.capture import batches
from lockgate.curate.accounts import check, derived_rows, settle
from lockgate.curate.manifest import read_manifest, write_manifest
from lockgate.curate.prepare import prepare
from lockgate.curate.quality import run_checks, unmapped_codes
from lockgate.curate.sources import Curation, read_sources
from lockgate.curate.tables import release_views, write_tables
from lockgate.curate.text import scrub_texts
from lockgate.curate.verify import Problem, verify_folder
from lockgate.engine import open_engine
from lockgate.errors import Refused, UsageError
from lockgate.identity import IndexResult, build_index, unmatched_objections
from lockgate.schema import VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import PRIVATE_FILE, atomic_dir, clear_spill, make_dir, remove_leftovers, spill_dir

EVENT = "release.built"
_NUMBER = re.compile(r"([0-9]{4})\.([1-9][0-9]*)")


@dataclass(frozen=True)
class Release:
    """A release on disk."""

    number: str
    path: Path
    manifest: dict[str, Any]

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

    def table_path(self, name: str) -> Path:
        """The Parquet file of one table; UsageError when the release has none of that name."""
        try:
            return self.path / str(self.manifest["tables"][name]["file"])
        except KeyError:
            raise UsageError(
                f"release {self.number} has no table {name!r}", remedy="`lockgate release show` lists them"
            ) from None


@dataclass(frozen=True)
class ReleaseResult:
    """What a build made."""

    release: str
    path: Path
    tables: dict[str, int]
    manifest: dict[str, Any]


def build_release(
    site: Site,
    *,
    actor: str,
    note: str = "",
    at: date | None = None,
    on: Literal["duckdb", "spark"] | None = None,
    tell: Callable[[str], None] = lambda step: None,
) -> ReleaseResult:
    """Link, curate and de-identify all that was captured, and write the site's next release.

    ``at`` is the day of the release and its opt-out cut-off (today); ``on`` is the engine, in place of the site's own;
    ``tell`` is called with the name of each step. Raises Refused when nothing was captured, another build is running,
    or the accounts do not add up, and UsageError when the engine can't run here; nothing is left behind then.
    """
    day = at or datetime.now(UTC).date()
    received = [batch.batch_id for batch in batches(site)]
    if not received:
        raise Refused(
            "nothing has been captured yet",
            reasons=["landing/ holds no batch"],
            where=str(site.landing),
            remedy="run `lockgate capture fhir FOLDER` first",
        )
    settings = site.config.engine.model_copy(update={"engine": on} if on else None)
    with (
        _next_release(site, day) as number,
        open_engine(settings, temp_dir=spill_dir(site.staged)) as engine,
        atomic_dir(site.releases / number) as folder,
    ):
        build = Curation(engine, site, day)
        tell("linking records to people")
        index = build_index(engine.local, site)
        tell("reading the latest versions")
        read_sources(build)
        tell("finding each row its place")
        prepare(build)
        tell("scrubbing notes and comments")
        texts = scrub_texts(build)
        tell("writing tables")
        written = write_tables(build, folder)
        tell("holding the accounts against each other, checking quality")
        accounts = settle(build)
        rows = {name: table.rows for name, table in written.items()}
        check(accounts, rows, derived_rows(engine), frozenset(VOCABULARY_TABLES))
        release_views(engine, folder, written)
        manifest = write_manifest(
            site,
            folder,
            {
                "release": number,
                "note": note,
                "opt_out_cut_off": day.isoformat(),
                "batches": received,
                "data_until": str(engine.one("SELECT data_until FROM data_until"))[:10],
                "vocabulary": _vocabulary(site),
                "reference": terminology.EDITIONS,
                "engine": engine.name,
                "policy": site.config.deidentify.model_dump()
                | {"opt_outs": "research", "threshold": build.threshold},
                "linkage": _linkage(index)
                | {"objections_unmatched": unmatched_objections(engine.local, site, at=day)},
                "accounting": {name: account.as_dict() for name, account in accounts.items()},
                "texts": texts.as_dict(),
                "codes_withheld": int(engine.one("SELECT count(*) FROM withheld_code")),
                "quality": [check.as_dict() for check in run_checks(build, written)],
                "unmapped": unmapped_codes(build),
                "tables": {name: asdict(table) for name, table in written.items()},
            },
        )
    site.audit.append(EVENT, actor=actor, **_audited(number, manifest))
    return ReleaseResult(number, site.releases / number, rows, manifest)


def _audited(number: str, manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "release": number,
        "tables": len(manifest["tables"]),
        "rows": sum(int(table["rows"]) for table in manifest["tables"].values()),
        "batches": len(manifest["batches"]),
        "opt_out_cut_off": manifest["opt_out_cut_off"],
        "texts_withheld": manifest["texts"]["withheld"],
    }


def _settle_audit(site: Site) -> None:
    """Enter each release that the audit chain does not know: a crash came between its rename and its entry."""
    known = {entry.detail["release"] for entry in site.audit.entries(EVENT)}
    for path in sorted(site.releases.iterdir()):
        if _NUMBER.fullmatch(path.name) and path.name not in known and not verify_folder(site, path):
            site.audit.append(
                EVENT,
                actor="lockgate",
                **_audited(path.name, read_manifest(path)),
                entered="by the next build, after a crash",
            )


def _linkage(index: IndexResult) -> dict[str, Any]:
    """What linkage counted, without the place of the index."""
    return {name: value for name, value in asdict(index).items() if not isinstance(value, Path)}


def _vocabulary(site: Site) -> dict[str, Any]:
    info = terminology.vocabulary_info(site)
    return {"origin": info.origin, "version": info.version, "sha256": info.sha256}


@contextmanager
def _next_release(site: Site, day: date) -> Iterator[str]:
    """The number of the next release, held against other builds until the block ends. Clears what a crash left."""
    make_dir(site.releases)
    handle = os.open(site.releases / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                "another release of this site is being built",
                reasons=["releases/.lock is held"],
                where=str(site.releases),
                remedy="wait until it has ended, then run this again",
            ) from error
        remove_leftovers(site.releases)
        clear_spill(site.staged)
        _settle_audit(site)
        yield _next_number(site, day)
    finally:
        os.close(handle)


def _next_number(site: Site, day: date) -> str:
    taken = [
        int(match[2])
        for path in site.releases.iterdir()
        if (match := _NUMBER.fullmatch(path.name)) and int(match[1]) == day.year
    ]
    return f"{day.year}.{max(taken, default=0) + 1}"


def list_releases(site: Site) -> list[Release]:
    """Every release, oldest first."""
    found = [
        (int(m[1]), int(m[2]), path)
        for path in site.releases.iterdir()
        if (m := _NUMBER.fullmatch(path.name))
    ]
    return [Release(path.name, path, read_manifest(path)) for _, _, path in sorted(found)]


def open_release(site: Site, number: str = "latest") -> Release:
    """One release by its number, or the latest; UsageError when there is none."""
    path = site.releases / number
    if number == "latest":
        every = list_releases(site)
        if every:
            return every[-1]
    elif _NUMBER.fullmatch(number) and path.is_dir():
        return Release(number, path, read_manifest(path))
    raise UsageError(
        "this site has no release" if number == "latest" else f"there is no release {number!r}",
        where=str(site.releases),
        remedy="`lockgate release list` names them; `lockgate release build` makes one",
    )


def verify_release(site: Site, number: str) -> list[Problem]:
    """What is wrong with a release; an empty list when every byte is as it was built."""
    path = site.releases / number
    if not _NUMBER.fullmatch(number) or not path.is_dir():
        open_release(site, number)
    return verify_folder(site, path)
