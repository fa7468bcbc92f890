"""Building a release: in full, or from the last build's state for the people that changes since then affect.

A release is built in a hidden folder and renamed into place, whole or not at all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lockgate import terminology
from lockgate.capture import batches, objections_held, require_current
from lockgate.curate import buildstate
from lockgate.curate.accounts import Versions, check, check_limited, derived_rows, settle
from lockgate.curate.buildstate import BuildState
from lockgate.curate.coverage import write_coverage
from lockgate.curate.diff import differences
from lockgate.curate.feedback.inrelease import tell_themes
from lockgate.curate.linkage import write_linkage
from lockgate.curate.manifest import read_manifest, write_manifest
from lockgate.curate.mentions import read_mentions
from lockgate.curate.passed_quality import check_quality
from lockgate.curate.prepare import prepare_records, prepare_whole
from lockgate.curate.quality import flagged_times, run_checks, told_twice, unmapped_codes
from lockgate.curate.reading import read_sources
from lockgate.curate.release import NUMBER
from lockgate.curate.reuse import Known, keep_affected, last_release
from lockgate.curate.sources import Curation
from lockgate.curate.tables import Tables, Written, prepare_tables, write_limited, write_tables
from lockgate.curate.text import notes_by_type, scrub_notes, scrub_whole
from lockgate.curate.verify import verify_folder
from lockgate.deidentify.acceptance import RELEASES, pass_risk
from lockgate.deidentify.sets import measure_files, quasi_sets
from lockgate.engine import Engine, SqlEngine, open_engine
from lockgate.errors import Refused
from lockgate.identity import IndexResult, build_index, unmatched_objections
from lockgate.schema import VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import atomic_dir, clear_spill, hold_lock, make_dir, remove_leftovers, spill_dir

EVENT = "release.built"


@dataclass(frozen=True)
class ReleaseResult:
    """What a build made.

    ``way`` is "full" or "incremental", ``why`` says why it was full; ``people`` is how many the index has and
    ``affected`` of how many the rows were worked out. ``checked`` says that a full build gave the same.
    """

    release: str
    path: Path
    tables: dict[str, int]
    manifest: dict[str, Any]
    way: str
    why: str
    people: int
    affected: int
    checked: bool = False


@dataclass(frozen=True)
class _Inputs:
    """What a build is made of: the site on a day, its batches and index, and the engine."""

    site: Site
    day: date
    prints: dict[str, str]
    index: IndexResult
    on: Literal["duckdb", "spark"]


@dataclass(frozen=True)
class _Made:
    """What ``_make`` wrote: the content of the manifest, and how."""

    content: dict[str, Any]
    rows: dict[str, int]
    why: str
    people: int
    affected: int
    generations: list[str]
    found: dict[str, Any]


def build_release(
    site: Site,
    *,
    actor: str,
    note: str = "",
    at: date | None = None,
    on: Literal["duckdb", "spark"] | None = None,
    full: bool = False,
    checked: bool = False,
    tell: Callable[[str], None] = lambda step: None,
) -> ReleaseResult:
    """Link, curate and de-identify all that was captured, and write the site's next release.

    ``at`` is the day of the release and its opt-out cut-off (today); ``on`` is the engine, in place of the site's own;
    ``tell`` is called with the name of each step. Goes on from the last build where it can, unless ``full``; with
    ``checked`` it is built in full beside that, and the two are held against each other. Raises Refused when nothing
    was captured, an upgrade is due, another build is running, the accounts do not add up, or the check finds a
    difference, and UsageError when the engine can't run here; nothing is left behind then.
    """
    day = at or datetime.now(UTC).date()
    if not batches(site):
        raise Refused(
            "nothing has been captured yet",
            reasons=["landing/ holds no batch"],
            where=str(site.landing),
            remedy="run `lockgate capture fhir FOLDER` first",
        )
    require_current(site)
    with ExitStack() as stack:
        number = stack.enter_context(_next_release(site, day))
        prints = buildstate.batch_prints(batches(site))
        before = "a full build was asked for" if full else buildstate.read_state(site, prints, day)
        with ExitStack() as folders:
            folder = folders.enter_context(atomic_dir(site.releases / number))
            tell("linking records to people")
            with _local(site) as engine:
                index = build_index(engine, site)
            inputs = _Inputs(site, day, prints, index, on or site.config.engine.engine)
            if inputs.on != "duckdb":
                before = f"{inputs.on} builds in full"
            made = _make(inputs, folder, before, folders, tell)
            compared = checked and not made.why
            if compared:
                tell("building it in full to compare")
                with tempfile.TemporaryDirectory(prefix=".check-", dir=spill_dir(site.staged)) as temporary:
                    other = Path(temporary)
                    again = _make(inputs, other, "to compare", None, lambda step: None)
                    _agree(folder, other, made, again)
            manifest = write_manifest(site, folder, {"release": number, "note": note} | made.content)
        way = "full" if made.why else "incremental"
        if made.generations:
            buildstate.commit(
                site, made.generations, batches=prints, day=day, release=number, made=made.found
            )
        site.audit.append(EVENT, actor=actor, **_audited(number, manifest), way=way)
    return ReleaseResult(
        number,
        site.releases / number,
        made.rows,
        manifest,
        way,
        made.why,
        made.people,
        made.affected,
        checked,
    )


def _local(site: Site) -> Engine:
    settings = site.config.engine
    return Engine(
        memory_limit=settings.memory_limit or None,
        threads=settings.threads or None,
        temp_dir=spill_dir(site.staged),
    )


def _make(
    inputs: _Inputs,
    folder: Path,
    before: BuildState | str,
    keep: ExitStack | None,
    tell: Callable[[str], None],
) -> _Made:
    """Write the tables of a release into a folder. ``before`` is the state to go on from, or why there is none.

    With ``keep`` what the next build needs is written too, into folders that get their place when the stack ends.
    """
    site, day, index = inputs.site, inputs.day, inputs.index
    settings = site.config.engine.model_copy(update={"engine": inputs.on})
    with open_engine(settings, temp_dir=spill_dir(site.staged)) as engine:
        build = Curation(engine, site, day)
        state = before if isinstance(before, BuildState) else None
        why = before if isinstance(before, str) else ""
        if state:
            buildstate.views(engine, state.folders, prefix="before_")
        tell("reading the latest versions")
        why = read_sources(build, state) or why
        state = None if why else state
        tell("finding each row its place")
        prepare_records(build)
        tell("scrubbing notes and comments")
        scrub_notes(build, cached=state is not None)
        tell("reading what the notes say")
        read_mentions(build)
        generations = _keep(site, engine, state, keep) if keep and inputs.on == "duckdb" else {}
        prepare_whole(build)
        texts = scrub_whole(build, cached=state is not None)
        tell_themes(build)
        if generations:
            buildstate.write_whole(engine, list(generations.values())[-1])
        tell("writing tables")
        to, versions = Tables(folder), Versions()
        if state:
            to = Tables(folder, last_release(site, state), Known(state.facts["known"]))
            versions = Versions(state.facts["versions"], frozenset(inputs.prints) - state.batches.keys())
        prepare_tables(build, to)
        limited = write_limited(build, to)
        written = write_tables(build, to, limited)
        coverage = write_coverage(build, to)
        risk, risk_accepted = _pass_risk(site, to, written)
        linkage = write_linkage(build, folder)
        tell("holding the accounts against each other, checking quality")
        accounts = settle(build, versions)
        rows = {name: table.rows for name, table in written.items()}
        check(accounts, rows, derived_rows(engine), frozenset(VOCABULARY_TABLES))
        check_limited(accounts, {name: table.rows for name, table in limited.items()})
        quality = check_quality(site, folder, day, written, to.known)
        content = {
            "opt_out_cut_off": day.isoformat(),
            "root_key": site.keyring.generation,
            "batches": list(inputs.prints),
            "data_until": str(engine.one("SELECT data_until FROM data_until"))[:10],
            "vocabulary": _vocabulary(site),
            "reference": terminology.EDITIONS,
            "engine": engine.name,
            "policy": site.config.deidentify.model_dump()
            | {"opt_outs": "tables: every purpose; limited: see its people", "threshold": build.threshold},
            "linkage": _linkage(index)
            | {
                "objections_unmatched": unmatched_objections(engine.local, site, at=day),
                "objections_held": objections_held(engine.local, site, batches(site)),
            },
            "accounting": {name: account.as_dict() for name, account in accounts.items()},
            "texts": texts.as_dict() | {"by_type": notes_by_type(build)},
            "codes_withheld": int(engine.one("SELECT count(*) FROM withheld_code")),
            "quality": [check.as_dict() for check in run_checks(build, to, written)],
            **({"quality_checks": asdict(quality)} if quality else {}),
            "flagged_times": flagged_times(build),
            "told_twice": told_twice(build),
            "unmapped": unmapped_codes(build),
            "risk": risk,
            "risk_accepted": risk_accepted,
            "coverage": asdict(coverage),
            "linkage_report": asdict(linkage),
            "tables": {name: asdict(table) for name, table in written.items()},
            "limited": {name: asdict(table) for name, table in limited.items()},
        }
        people = int(engine.one("SELECT count(*) FROM person_standing"))
        affected = int(engine.one("SELECT count(*) FROM affected")) if state else people
        found = {"inputs": to.inputs, "known": to.known.now, "versions": versions.now}
        return _Made(content, rows, why, people, affected, list(generations), found)


def _pass_risk(
    site: Site, to: Tables, written: Mapping[str, Written]
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The risk of the tables by each set of quasi-identifiers, and who accepted it where it is over the policy.

    Refused, and noted, when it is over and nobody has.
    """
    if site.config.risk.gate == "off":
        return [], None
    measured: list[dict[str, Any]] = []
    for name, sets in quasi_sets(site).items():
        if name in written and written[name].rows:
            file = to.folder / written[name].file
            question = f"risk of {name} {written[name].sha256} by {sets} under {site.config.risk}"
            measured += to.known.of(question, partial(measure_files, site, {name: file}))
    passed = pass_risk(
        site,
        measured,
        {RELEASES: "next"},
        said="the risk of re-identification in this release is over the site's policy; nothing was released",
        remedy="`lockgate risk FILE --ladder` of an earlier release proposes what to make coarser; [deidentify] in "
        "site.toml says what a release keeps, [risk] what is allowed; or two people accept it: `lockgate release "
        "accept-risk`",
    )
    return measured, passed


def _keep(site: Site, engine: SqlEngine, state: BuildState | None, keep: ExitStack) -> dict[str, Path]:
    """Write what was worked out by person, and make those tables everybody's again; the generations by name."""
    buildstate.clear(site)
    name, folder = keep.enter_context(buildstate.next_generation(site))
    everybody = "SELECT DISTINCT person_id FROM whose"
    if state is None:
        buildstate.write_people(engine, folder, everybody)
        return {name: folder}
    buildstate.write_people(engine, folder, "SELECT person_id FROM affected")
    keep_affected(engine)
    generations = dict(zip(state.generations, state.folders, strict=True)) | {name: folder}
    buildstate.views(engine, list(generations.values()))
    if len(generations) <= buildstate.MOST_GENERATIONS:
        return generations
    name, folder = keep.enter_context(buildstate.next_generation(site))
    buildstate.write_people(engine, folder, everybody)
    return {name: folder}


def _agree(one: Path, other: Path, made: _Made, again: _Made) -> None:
    """Refused when two builds of the same release differ, naming where."""
    found = differences(one, other, made.content, again.content)
    if found:
        raise Refused(
            "the incremental build is not what a full build gives; nothing was released",
            reasons=found,
            remedy="use `lockgate release build --full`, and report this: it is a fault of curate/affected.py",
        )


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
        if NUMBER.fullmatch(path.name) and path.name not in known and not verify_folder(site, path):
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
    with hold_lock(
        site.releases / ".lock",
        "another release of this site is being built",
        "wait until it has ended, then run this again",
    ):
        remove_leftovers(site.releases)
        clear_spill(site.staged)
        _settle_audit(site)
        yield _next_number(site, day)


def _next_number(site: Site, day: date) -> str:
    taken = [
        int(match[2])
        for path in site.releases.iterdir()
        if (match := NUMBER.fullmatch(path.name)) and int(match[1]) == day.year
    ]
    return f"{day.year}.{max(taken, default=0) + 1}"
