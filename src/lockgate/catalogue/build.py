"""The catalogue of a release as a public folder: its entry, its data dictionary, its coverage."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.catalogue.counts import count_release, find_unwilling
from lockgate.catalogue.coverage import cover
from lockgate.catalogue.entry import check_entry, describe_role, make_entry
from lockgate.catalogue.quality import published_quality
from lockgate.curate import Release, open_release
from lockgate.curate.linkage import read_linkage
from lockgate.disclosure import Rules, safe_count
from lockgate.disclosure.tables import write_csv
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.schema import MEANINGS, RELEASE, VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, remove_leftovers

EVENT = "catalogue.published"
SCHEMA = "lockgate.catalogue/1"
ENTRY, DICTIONARY, FACTS = "dataset.json", "dictionary.md", "catalogue.json"


@dataclass(frozen=True)
class Catalogue:
    """The published catalogue of one release: ``facts`` is catalogue.json, ``entry`` HDR UK's metadata."""

    release: str
    path: Path
    facts: dict[str, Any]

    @property
    def entry(self) -> dict[str, Any]:
        """The entry as HDR UK dataset metadata 4.0.0."""
        loaded: dict[str, Any] = json.loads((self.path / ENTRY).read_bytes())
        return loaded


def catalogue_dir(site: Site) -> Path:
    """Where catalogues are published: ``register/catalogue/``."""
    return site.register / "catalogue"


def build_catalogue(
    site: Site, number: str = "latest", *, actor: str, schema: Path | None = None
) -> Catalogue:
    """Describe a release for the public and publish that, in the place of what was published of it before.

    ``schema`` is HDR UK's schema.json; without it the one that ``[catalogue] json_schema`` names, if any. Refused when
    the release has fewer people than the threshold, or when the entry breaks the schema.
    """
    release = open_release(site, number)
    policy = site.config.disclosure
    # the ledger doesn't hold whom these count: rounded so that no count of Explore tells a small one beside them
    rules = Rules(threshold=policy.threshold, rounding=policy.rounding).coarse
    rulebook = schema or (
        Path(site.config.catalogue.json_schema) if site.config.catalogue.json_schema else None
    )
    settings = site.config.engine
    with Engine(memory_limit=settings.memory_limit or None, threads=settings.threads or None) as engine:
        find_unwilling(engine, site, release)
        counted = count_release(engine, release, rules)
        entry = make_entry(
            site,
            release,
            counted,
            _vocabularies(engine),
            [item.release for item in list_catalogues(site) if item.release != release.number],
        )
        broken = check_entry(entry, rulebook) if rulebook else []
        if broken:
            raise Refused(
                "the entry breaks HDR UK's schema; nothing was published",
                reasons=broken,
                where=str(rulebook),
                remedy="fill in the [catalogue] section of site.toml (contact is an e-mail address)",
            )
        place = catalogue_dir(site) / release.number
        fresh = make_dir(catalogue_dir(site), public=True) / f".{release.number}.new"
        remove_leftovers(catalogue_dir(site))
        shutil.rmtree(fresh, ignore_errors=True)
        with atomic_dir(fresh, public=True) as folder:
            (folder / ENTRY).write_text(_json(entry), encoding="utf-8")
            coverage = []
            for item in cover(engine, release, rules):
                name = item.safe.entry.name
                (folder / f"{name}.csv").write_text(write_csv(item.safe), encoding="utf-8")
                (folder / f"{name}.svg").write_text(item.svg, encoding="utf-8")
                coverage.append(
                    {"table": item.table, "step": item.step, "measure": item.measure, "name": name,
                     "title": item.safe.entry.title, "notes": item.safe.entry.done}
                )  # fmt: skip
            facts = {
                "schema": SCHEMA,
                "release": release.number,
                "created_at": release.manifest["created_at"],
                "people": counted.people,
                "withheld_groups": counted.withheld,
                "checked_against": rulebook.name if rulebook else None,
                "tables": [
                    _described(name, release, rules) for name in release.tables if release.tables[name]
                ],
                "coverage": coverage,
                "linkage": read_linkage(release.path, release.manifest),
                "quality": published_quality(release, rules),
                "flagged_times": [
                    {**flagged, "rows": safe_count(flagged["rows"], rules)}
                    for flagged in release.manifest.get("flagged_times", [])
                ],
            }
            (folder / FACTS).write_text(_json(facts), encoding="utf-8")
            (folder / DICTIONARY).write_text(_dictionary(facts), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
    site.audit.append(EVENT, actor=actor, release=release.number, checked=rulebook is not None)
    return Catalogue(release.number, place, facts)


def list_catalogues(site: Site) -> list[Catalogue]:
    """What is published, the newest release first."""
    folder = catalogue_dir(site)
    if not folder.is_dir():
        return []
    found = [_read(path) for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(found, key=lambda item: [int(part) for part in item.release.split(".")], reverse=True)


def open_catalogue(site: Site, number: str = "latest") -> Catalogue:
    """One published catalogue; UsageError when there is none."""
    for item in list_catalogues(site):
        if number in ("latest", item.release):
            return item
    raise UsageError(
        "no catalogue is published"
        if number == "latest"
        else f"no catalogue of release {number!r} is published",
        where=str(catalogue_dir(site)),
        remedy="`lockgate catalogue build` makes and publishes one",
    )


def _read(path: Path) -> Catalogue:
    facts = json.loads((path / FACTS).read_bytes())
    return Catalogue(path.name, path, facts)


def _vocabularies(engine: Engine) -> list[str]:
    """The vocabularies that the release's codes come from."""
    return [str(row[0]) for row in engine.rows("SELECT DISTINCT vocabulary_id FROM c_concept ORDER BY 1")]


def _described(name: str, release: Release, rules: Rules) -> dict[str, Any]:
    vocabulary = name in VOCABULARY_TABLES
    return {
        "name": name,
        "meaning": MEANINGS[name],
        "kind": "vocabulary" if vocabulary else "data",
        "rows": release.tables[name] if vocabulary else safe_count(release.tables[name], rules),
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "required": column.required,
                "role": column.role,
                "meaning": describe_role(column.role),
            }
            for column in RELEASE[name]
            if column.askable
        ],
    }


def _dictionary(facts: dict[str, Any]) -> str:
    lines = [
        f"# Data dictionary of release {facts['release']}",
        "",
        "Counts are rounded; small ones are withheld.",
        "",
    ]
    for table in facts["tables"]:
        lines += [f"## {table['name']}", "", f"{table['meaning']} Rows: {table['rows']}.", ""]
        lines += ["| column | type | always given | meaning |", "|---|---|---|---|"]
        lines += [
            f"| {c['name']} | {c['type']} | {'yes' if c['required'] else ''} | {c['meaning']} |"
            for c in table["columns"]
        ]
        lines.append("")
    if facts["flagged_times"]:
        lines += ["## Clock times in doubt", ""]
        lines += ["When clocks go back an hour comes twice, when they go forward one never comes.", ""]
        lines += ["| rows as captured, of | time | rows |", "|---|---|---|"]
        lines += [f"| {f['staged']} | {f['flag']} | {f['rows']} |" for f in facts["flagged_times"]]
        lines.append("")
    return "\n".join(lines)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
