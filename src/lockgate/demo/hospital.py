"""The first half: from an invented hospital to a release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq

from lockgate.capture import REASONS, capture_fhir, capture_tables, list_held
from lockgate.catalogue import build_catalogue, publish_about
from lockgate.cohorts.release_index import index_release
from lockgate.curate import build_release as build
from lockgate.curate import open_release, verify_release
from lockgate.curate.release import KEY_PURPOSE
from lockgate.demo.search import identifying_values, search
from lockgate.demo.story import Story
from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused
from lockgate.identity import index_view, opted_out
from lockgate.identity.pseudonym import pseudonymise_ints
from lockgate.site import Site
from lockgate.synthetic import generate
from lockgate.workspace.doctor import run_doctor

ACTOR = "demo"


@dataclass(frozen=True, slots=True)
class Hospital:
    """The folder of an invented hospital, as its systems would send it."""

    folder: Path


def make_hospital(story: Story, folder: Path, patients: int, seed: int) -> Hospital:
    """Write the invented hospital's files."""
    story.act("Hospital", "an invented hospital writes what its systems send; no real person is in it")
    generate(folder, patients=patients, seed=seed)
    resources = sorted(path.name.split(".")[0] for path in (folder / "fhir").iterdir())
    tables = sorted(path.stem for path in (folder / "tables").iterdir())
    story.passed(
        f"{patients:,} patients, seed {seed}: {len(resources)} kinds of FHIR resource and {len(tables)} tables "
        f"({', '.join(tables)})",
        patients=patients,
        seed=seed,
    )
    return Hospital(folder)


def make_site(story: Story, folder: Path) -> Site:
    """Make the site and test that the machine can hold it."""
    story.act("Site", "a folder with zones of trust, keys and an audit chain")
    hospital = folder / "hospital"
    aside = folder.with_name(f".{folder.name}.hospital")
    hospital.rename(aside)  # a site begins in an empty folder
    site = Site.init(folder, name="Lockgate Demonstration Hospital", ods_code="RLG", demo=True)
    aside.rename(hospital)
    checks = run_doctor(site)
    failed = [check for check in checks if not check.ok]
    if failed:
        raise Refused(
            "this machine can't hold a site",
            reasons=[f"{check.name}: {check.found}" for check in failed],
            remedy=failed[0].remedy,
        )
    story.passed(f"the doctor tried {len(checks)} things, such as reaching the network from a job: all held")
    return site


def capture_all(story: Story, site: Site, hospital: Hospital) -> None:
    """Take in everything, and show what was held back."""
    story.act(
        "Capture", "records come in; what can't be understood is held back with its reason, the rest goes on"
    )
    results = [
        capture_fhir(site, hospital.folder / "fhir", source="epr", actor=ACTOR),
        *_as_list(capture_tables(site, hospital.folder / "tables", actor=ACTOR)),
    ]
    sums = {
        name: sum(getattr(result, name) for result in results)
        for name in ("received", "staged", "quarantined", "duplicates")
    }
    if sums["received"] != sums["staged"] + sums["quarantined"] + sums["duplicates"]:
        raise LockgateError("the counts of capture do not add up", where=str(site.landing))
    story.passed(
        "{received:,} received = {staged:,} staged + {quarantined:,} held back + {duplicates:,} seen before".format(
            **sums
        ),
        **sums,
    )
    reasons, items = list_held(site, limit=sums["quarantined"])
    story.facts["Capture"]["reasons"] = reasons
    first = {item.reason: item for item in reversed(items)}
    story.refused(
        f"{sums['quarantined']} records that can't be trusted; the first of each kind:",
        Refused(
            "held back",
            reasons=[
                f"{reason} ({count}): {first[reason].file} line {first[reason].line}: "
                f"{first[reason].detail or REASONS[reason].meaning}"
                for reason, count in sorted(reasons.items())
            ],
        ),
    )
    again = capture_fhir(site, hospital.folder / "fhir", source="epr", actor=ACTOR)
    story.passed(f"the same FHIR folder again: {again.staged} staged, {again.duplicates:,} seen before")


def _as_list(results: Any) -> list[Any]:
    return list(results) if isinstance(results, list | tuple) else [results]


def build_release(story: Story, site: Site) -> str:
    """Link, de-identify and curate into a numbered release."""
    story.act("Release", "who is who, who objects, pseudonyms, notes scrubbed; an immutable OMOP database")
    result = build(site, actor=ACTOR, note="demonstration")
    release = open_release(site, result.release)
    rows = {name: table["rows"] for name, table in release.manifest["tables"].items()}
    story.passed(
        f"release {result.release}: {len(rows)} tables, {sum(rows.values()):,} rows; "
        "every staged row is accounted for in its manifest",
        release=result.release,
        tables=rows,
    )
    index_release(site, release)
    with Engine() as engine:
        keys = opted_out(engine, site, at=datetime.now(ZoneInfo(site.config.site.timezone)).date())
        people = engine.one(f"SELECT count(DISTINCT person_key) FROM {index_view(engine, site)}")
    present = set(pq.read_table(release.table_path("person"), columns=["person_id"])["person_id"].to_pylist())
    ids = set(pseudonymise_ints(np.array(sorted(keys), np.int64), site.key(KEY_PURPOSE), "person").tolist())
    if present & ids:
        raise LockgateError("somebody who objected is in the release", where=str(release.path))
    story.refused(
        f"{len(ids)} of {people:,} people, who asked to be left out",
        "none of them is in any table of the release",
    )
    damaged = release.table_path("person")
    content = damaged.read_bytes()
    try:
        damaged.chmod(0o600)
        damaged.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        problems = verify_release(site, result.release)
    finally:
        damaged.write_bytes(content)
    if not problems or verify_release(site, result.release):
        raise LockgateError("verification did not see a changed byte", where=str(damaged))
    story.refused("one byte of person.parquet changed, then verified", problems[0].message)
    described = build_catalogue(site, result.release, actor=ACTOR)
    story.passed(
        f'the release is described for the public, to be read under "The data": {len(described.facts["tables"])} '
        "tables column by column, what they hold over time; counts rounded",
        catalogue=described.release,
    )
    about = publish_about(site, result.release, actor=ACTOR)
    charts = sum(len(page["tables"]) for page in about.facts["pages"])
    story.passed(
        f'and told under "About the data": {charts} charts of who and what is in it, each with its table; '
        "small counts withheld",
        about=charts,
    )
    return result.release


def look_for_people(story: Story, site: Site, hospital: Hospital) -> None:
    """Search all that is not an identifiable zone for every identifying value of every invented person."""
    people = pq.read_table(hospital.folder / "truth" / "people.parquet")
    values = sorted(set(identifying_values(people)))
    places = [site.releases, site.projects, site.register, site.path / "audit"]
    found = list(search(places, values))
    if found:
        kinds = sorted({f"{hit.kind} in {hit.file.name} ({hit.place})" for hit in found})
        raise Refused("something identifiable is outside the identifiable zones", reasons=kinds)
    story.passed(
        f"{len(values):,} names, numbers, addresses and birth dates looked for in every byte and text: none found",
        looked_for=len(values),
    )
