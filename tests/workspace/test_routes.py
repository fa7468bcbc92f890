"""The routes file: what is refused at load, who must decide on what, and what is agreed beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from lockgate.errors import UsageError
from lockgate.schema import LINKED
from lockgate.site import Site
from lockgate.workspace.routes import (
    Use,
    amended,
    fitting,
    in_use,
    outside,
    read_routes,
    route,
    routes_of,
    standard,
    standard_text,
    use_of_answers,
)

PLAIN = Use(
    "research", {"person": ("person_id", "year_of_birth")}, common_law="not_confidential", dates="month"
)


def linked(*tables: str, **more: Any) -> Use:
    """A use of whole linked tables."""
    columns = {table: tuple(column.name for column in LINKED[table][:2]) for table in tables}
    return replace(PLAIN, tables={**PLAIN.tables, **columns}, linkages=frozenset(tables), **more)


@pytest.mark.parametrize(
    ("use", "more"),
    [
        (PLAIN, []),
        (linked("person_deprivation"), []),
        (linked("incident"), ["data_owner:incidents"]),
        (linked("tissue_sample", "staffing"), ["data_owner:workforce", "data_owner:tissue"]),
        (linked("imaging_study", "imaging_read"), ["data_owner:imaging"]),
        (replace(PLAIN, linkages=frozenset({"social_care_event"})), ["data_owner:social_care"]),
        (replace(PLAIN, tables={"note": ("note_id", "note_text")}), ["caldicott_guardian"]),
        (replace(PLAIN, tables={"note": ("note_id", "note_date")}), []),
        (replace(PLAIN, notes="surrogates"), ["caldicott_guardian"]),
        (replace(PLAIN, places="lsoa"), ["caldicott_guardian"]),
        (replace(PLAIN, common_law="section_251"), ["caldicott_guardian"]),
        (replace(PLAIN, partners={"practice": frozenset({"x.y"})}), ["data_owner:practice"]),
    ],
)
def test_who_decides(use: Use, more: list[str]) -> None:
    found = route(standard(), use)
    assert list(found.decide) == ["research_centre", "data_protection_office", *more]
    assert all(why for why in found.decide.values())


@pytest.mark.parametrize("kind", ["research", "service_evaluation", "audit", "clinical_analytics"])
def test_the_two_offices_decide_on_every_kind(kind: str) -> None:
    assert set(route(standard(), replace(PLAIN, kind=kind)).decide) == {
        "research_centre",
        "data_protection_office",
    }


def test_the_panel_advises_where_a_company_gains() -> None:
    assert not route(standard(), PLAIN).advise
    assert "public_panel" in route(standard(), replace(PLAIN, commercial=True)).advise


def test_every_linked_table_is_somebodys_or_nobodys() -> None:
    routes = standard()
    for table in LINKED:
        assert (routes.owner_of(table) is None) == (table in routes.open)


@pytest.mark.parametrize(
    ("after", "changed", "expected"),
    [
        (replace(PLAIN, people=3), {"people"}, ["research_centre"]),
        (PLAIN, {"title", "lay_summary"}, ["research_centre"]),
        (PLAIN, {"end_date"}, ["research_centre", "data_protection_office"]),
        (PLAIN, {"article_9"}, ["research_centre", "data_protection_office"]),
        (PLAIN, {"a_question_that_no_rule_names"}, ["research_centre", "data_protection_office"]),
        (
            linked("incident"),
            {"columns", "linkages"},
            ["research_centre", "data_protection_office", "data_owner:incidents"],
        ),
        (
            replace(PLAIN, places="outward"),
            {"places"},
            ["research_centre", "data_protection_office", "caldicott_guardian"],
        ),
    ],
)
def test_only_what_changed_decides_who_decides(after: Use, changed: set[str], expected: list[str]) -> None:
    assert list(amended(standard(), PLAIN, after, changed).decide) == expected


def test_an_owner_is_not_asked_again_for_what_stays() -> None:
    before = linked("incident")
    people = amended(standard(), before, replace(before, people=4), {"people"})
    assert list(people.decide) == ["research_centre"]
    more = linked("incident", "tissue_sample")
    found = amended(standard(), before, more, {"columns", "linkages"})
    assert "data_owner:tissue" in found.decide and "data_owner:incidents" not in found.decide
    whole = amended(standard(), before, before, {"cohort"})  # no rule names it: the whole route
    assert "data_owner:incidents" in whole.decide


def test_a_partner_is_asked_again_when_more_is_asked_of_it() -> None:
    before = replace(PLAIN, partners={"practice": frozenset({"a.b"})})
    assert "data_owner:practice" not in amended(standard(), before, before, {"partners"}).decide
    after = replace(PLAIN, partners={"practice": frozenset({"a.b", "a.c"})})
    assert "data_owner:practice" in amended(standard(), before, after, {"partners"}).decide


COUNTS: dict[str, Any] = {
    "columns": {
        "person": ["person_id", "year_of_birth"],
        "condition_occurrence": ["condition_occurrence_id", "person_id", "condition_concept_id"],
    },
    "dates": "month",
    "outputs": ["tables"],
    "common_law": "not_confidential",
    "dpia": "covered",
    "commercial": "no",
    "people": [],
    "start_date": "2026-12-01",
    "end_date": "2027-06-01",
}


def test_an_agreed_use_fits_a_fast_path() -> None:
    agreed = fitting(standard().fast_path, use_of_answers("service_evaluation", COUNTS))
    assert agreed is not None and agreed.name == "aggregate_counts"
    assert fitting(standard().fast_path, use_of_answers("audit", COUNTS)) is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"columns": {**COUNTS["columns"], "note": ["note_id"]}}, "column note.note_id"),
        ({"columns": {"person": ["person_id", "location_id"]}}, "column person.location_id"),
        ({"linkages": ["incident"]}, "linked incident"),
        ({"dates": "exact"}, "dates: exact"),
        ({"places": "lsoa"}, "places: lsoa"),
        ({"notes": "dates"}, "notes: dates"),
        ({"outputs": ["tables", "models"]}, "results: models"),
        ({"common_law": "section_251"}, "common law"),
        ({"dpia": "needed"}, "impact assessment"),
        ({"commercial": "yes"}, "commercial"),
        ({"end_date": "2028-06-01"}, "days"),
        ({"people": [{"username": str(number)} for number in range(9)]}, "people"),
        ({"partners": [{"partner": "practice", "tables": {}, "methods": []}]}, "practice"),
    ],
)
def test_what_goes_beyond_the_template_goes_the_ordinary_way(change: dict[str, Any], words: str) -> None:
    use = use_of_answers("service_evaluation", {**COUNTS, **change})
    assert fitting(standard().fast_path, use) is None
    assert any(words in problem for problem in outside(standard().fast_path[0].within, use))


def test_synthetic_data_take_no_decision_and_real_data_never_fit_that_path() -> None:
    (agreed,) = [one for one in standard().fast_path if one.name == "synthetic_data"]
    use = replace(linked("tissue_sample"), synthetic=True)
    assert fitting([agreed], use) is agreed
    assert outside(agreed.within, replace(use, synthetic=False)) == ["records of real people"]


def changed(**parts: Any) -> str:
    """The standard routes with parts replaced."""
    return yaml.safe_dump({**yaml.safe_load(standard_text()), **parts})


RAW: dict[str, Any] = yaml.safe_load(standard_text())


def step(**parts: Any) -> str:
    """The standard routes with one step more."""
    one = {"name": "x", "because": "y", "roles": ["data_owner"], **parts}
    return changed(decide=[*RAW["decide"], one])


def path(**within: Any) -> str:
    """Routes with one fast path."""
    limits = {"people_at_most": 1, "days_at_most": 1}
    return changed(fast_path=[{"name": "all", "because": "y", "within": {**limits, **within}}])


def source(table: str) -> str:
    """Routes with one source more."""
    return changed(sources={**RAW["sources"], "x": {"label": "X", "tables": [table]}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "not YAML"),
        ("- 1", "schema"),
        (changed(schema="lockgate.routes/9"), "schema"),
        (changed(decide=RAW["decide"][1:]), "research_centre and data_protection_office must decide always"),
        (changed(surprise=1), "surprise"),
        (changed(open=[]), "person_deprivation has no owner"),
        (changed(open=["person_deprivation", "incident"]), "incident has an owner"),
        (source("nothing"), "no linked table 'nothing'"),
        (source("incident"), "already"),
        (step(when={"columns": ["person.nothing"]}), "person has no column 'nothing'"),
        (step(roles=["auditor"]), "decide"),
        (step(name="everybody"), "everybody is named twice"),
        (step(when={}), "says nothing"),
        (path(columns="any"), "synthetic data alone"),
        (path(columns={"person": ["nope"]}), "person has no column 'nope'"),
        (path(), "name the columns"),
        (changed(amendments=[*RAW["amendments"], RAW["amendments"][0]]), "named twice"),
        (changed(warnings={"ends": [-1]}), "warnings"),
    ],
)
def test_a_routes_file_that_cannot_stand_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_routes(text, "routes.yaml")
    assert words in str(caught.value)
    assert "routes.yaml" in (caught.value.where or "")


def test_a_site_has_its_own_routes(tmp_path: Any) -> None:
    site = Site.init(tmp_path / "site", name="Test Hospital")
    toml = site.path / "site.toml"
    assert routes_of(site) is standard()
    assert in_use(site, standard()) == ()  # agreed to by nobody
    toml.write_text(toml.read_text() + '\n[portal]\nroutes = "own.yaml"\nfast_path = ["aggregate_counts"]\n')
    site = Site.open(site.path)
    with pytest.raises(UsageError, match="can't be read"):
        routes_of(site)
    file = site.path / "own.yaml"
    file.write_text(changed(version="ours"))
    routes = routes_of(site)
    assert routes.version == "ours"
    assert [one.name for one in in_use(site, routes)] == ["aggregate_counts"]
    file.write_text(changed(version="ours", fast_path=[]))
    with pytest.raises(UsageError, match="no fast path 'aggregate_counts'"):
        in_use(site, routes_of(site))
