"""A small synthetic hospital with a release, a scope of all of it, and a twin: made once for the session."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import capture_fhir, capture_tables
from lockgate.curate import build_release, open_release
from lockgate.schema import LINKED
from lockgate.site import Site
from lockgate.synthetic import generate
from lockgate.twin import Twin, make_twin
from lockgate.twin.making import whole_scope
from lockgate.workspace.scope import Scope

PEOPLE = 300
# Few people, so a large budget: what is held back of a small release is tested apart.
EPSILON = 100


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with one release of some three hundred invented people."""
    folder = tmp_path_factory.mktemp("twin")
    generate(folder / "hospital", patients=PEOPLE, seed=11)
    site = Site.init(folder / "site", name="Twin Hospital", ods_code="RTW", demo=True, seed="twins")
    settings = folder / "site" / "site.toml"
    settings.write_text(settings.read_text() + f"\n[twin]\nepsilon = {EPSILON}\ntotal_epsilon = 100\n")
    site = Site.open(folder / "site")
    capture_fhir(site, folder / "hospital" / "fhir", source="epr", actor="test")
    capture_tables(site, folder / "hospital" / "tables", actor="test")
    build_release(site, actor="test", note="twin")
    return site


@pytest.fixture(scope="session")
def twin(hospital: Site, tmp_path_factory: pytest.TempPathFactory) -> Twin:
    """A twin of the whole release."""
    return make_twin(hospital, tmp_path_factory.mktemp("made") / "twin", actor="test", people=400, seed=3)


def scope_of(site: Site, **changes: Any) -> Scope:
    """A scope that holds, of every table and column that can be asked for."""
    release = open_release(site)
    today = date.today()
    whole = whole_scope(release)
    finer = {"outward_code", "lsoa21_code"}  # than a scope may ask for as it comes
    tables = {name: [c for c in columns if c not in finer] for name, columns in whole.tables.items()}
    value: dict[str, Any] = {
        "schema": "lockgate.scope/1",
        "scope_id": "p0001-v1",
        "project": "p0001",
        "version": 1,
        "site": site.config.site.name,
        "title": "Twenty studies",
        "kind": "research",
        "purpose": "To see that code written on a twin runs.",
        "applicant": "ada",
        "people": [{"username": "ada"}],
        "legal_basis": {"article_6": "6(1)(e)", "article_9": "9(2)(j)", "common_law": "de-identified"},
        "release": release.number,
        "tables": tables,
        "linkages": sorted(set(tables) & set(LINKED)),
        "opt_out_rule": "national-data-opt-out-applied",
        "dates": "exact",
        "output_rules": {"threshold": 10, "rounding": 5},
        "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=30)).isoformat(),
        "decisions": [
            {"role": role, "by": by, "decision": "approve", "at": "2026-11-01T10:00:00Z", "note": ""}
            for role, by in (("research_centre", "ruth"), ("data_protection_office", "dev"))
        ],
    }
    return Scope.model_validate(value | changes)


@pytest.fixture(scope="session")
def studies() -> Path:
    """The folder of twenty studies, written against a twin alone."""
    return Path(__file__).with_name("studies")
