"""The quality checks of a release's tables, as it is built: a file beside them, and a policy that can refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lockgate.curate.release import Release
from lockgate.curate.reuse import Known
from lockgate.curate.tables import Written
from lockgate.engine import Engine
from lockgate.engine.omop import find_omop
from lockgate.errors import Refused
from lockgate.quality.model import Result
from lockgate.quality.own import read_own, run_own
from lockgate.quality.recall import Recall
from lockgate.quality.report import read_results, summary, write_results
from lockgate.quality.run import run_checks
from lockgate.quality.thresholds import load
from lockgate.site import Site
from lockgate.site.files import sha256_file
from lockgate.site.settings.data import QualitySection

FILE = "quality.parquet"
CDM = "5.4"


@dataclass(frozen=True, slots=True)
class Quality:
    """What the manifest says of the checks: the file of the results, where they come from, and how many passed."""

    file: str
    sha256: str
    source: str
    cdm: str
    own: int
    summary: dict[str, Any]


def own_folder(site: Site) -> Path:
    """Where a site keeps its own checks."""
    return site.path / "quality"


def check_quality(
    site: Site, folder: Path, day: date, written: Mapping[str, Written], known: Known
) -> Quality | None:
    """Check the tables in a release's folder and write the results beside them; None where the site checks nothing.

    What the last build counted in the same files is not counted again; the site's own checks always are.
    Refused, and noted, when a check of the site's policy fails or can't be made.
    """
    policy = site.config.quality
    if not policy.checks:
        return None
    thresholds, own = load(CDM), read_own(own_folder(site))
    settings = site.config.engine
    limit, threads = settings.memory_limit or None, settings.threads or None
    with Engine(memory_limit=limit, threads=threads, temp_dir=folder) as engine:
        found = find_omop(folder / "omop")
        prints = {name: table.sha256 for name, table in written.items()}
        recall = Recall(prints, known.before, known.now) if set(found.files) <= set(prints) else None
        results = run_checks(engine, found, thresholds, today=day, recall=recall)
        rows = {table: int(engine.one(f'SELECT count(*) FROM "{table}"')) for table in found.files if own}
        for path in sorted((folder / "linked").glob("*.parquet")) if own else ():
            engine.view_parquet(path.stem, path)
            rows[path.stem] = int(engine.one(f'SELECT count(*) FROM "{path.stem}"'))
        results += run_own(engine, own, rows)
    reasons = refusals(policy, results)
    if reasons:
        site.audit.append("quality.refused", actor="lockgate", release="next", reasons=reasons[:50])
        raise Refused(
            "quality checks of the site's policy failed; nothing was released",
            reasons=reasons,
            remedy="mend the source or its mapping; [quality] in site.toml says which checks must pass and which"
            " failures are accepted",
        )
    write_results(results, folder / FILE)
    return Quality(FILE, sha256_file(folder / FILE), thresholds.source, CDM, len(own), summary(results))


def refusals(policy: QualitySection, results: Sequence[Result]) -> list[str]:
    """Why a policy refuses results: each failed check, and each in error, of its severities or that must pass."""
    if policy.gate == "off":
        return []
    reasons = []
    for result in results:
        check, names = result.check, {result.check.name, result.check.id}
        bound = check.severity in policy.severities or names & set(policy.must_pass)
        if bound and result.status in ("failed", "error") and not names & set(policy.accepted):
            share = f": {100 * (result.share or 0):.2f} %" if result.violated else ""
            reasons.append(f"{check.id} {result.status}{share} ({check.severity})")
    return reasons


def release_quality(release: Release) -> list[Result] | None:
    """The results of a release; None of one that was built without, or whose data were destroyed."""
    described = release.manifest.get("quality_checks")
    path = release.path / FILE
    return read_results(path) if described and path.is_file() else None
