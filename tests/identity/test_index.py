"""The index of a site: what it links, the keys it keeps, and who is opted out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.errors import LockgateError, UsageError
from lockgate.identity import build_index, index_path, index_view, opted_out, unmatched_objections
from lockgate.site import Site

AMY = {
    "record_id": "p1",
    "nhs_number": "9434765919",
    "local_number": "H1",
    "given_name": "Amy",
    "family_name": "O'Neill",
    "sex": "F",
    "birth_date": date(1980, 1, 1),
}
BO = {
    "record_id": "p2",
    "nhs_number": "4505577104",
    "local_number": "H2",
    "given_name": "Bo",
    "family_name": "Khan",
    "sex": "M",
    "birth_date": date(1990, 2, 2),
}


def keys(site: Site) -> dict[tuple[str, str], tuple[int, str]]:
    with Engine(threads=1) as engine:
        rows = engine.rows(f"SELECT source, record_id, person_key, step FROM {index_view(engine, site)}")
    return {(source, record): (key, step) for source, record, key, step in rows}


def build(site: Site, **options: Any) -> Any:
    with Engine(threads=1) as engine:
        return build_index(engine, site, **options)


def test_an_empty_site_has_an_empty_index(site: Site) -> None:
    result = build(site)
    assert (result.records, result.persons, result.by_source) == (0, 0, {})


def test_sources_are_linked_and_counted(site: Site, stage: Any) -> None:
    stage("patient", [AMY, BO])
    stage(
        "patient",
        [
            {"source": "gp", "record_id": "g1", "nhs_number": "943 476 5919", "birth_date": date(1980, 1, 1)},
            {"source": "incidents", "record_id": "i1", "nhs_number": "9434765919", "local_number": "h 1"},
            {"source": "tissue", "record_id": "t1", "local_number": "H2", "birth_date": date(1990, 2, 2)},
            {"source": "tissue", "record_id": "t2", "local_number": "H2"},  # nothing bears it out
            {
                "source": "gp",
                "record_id": "g2",
                "nhs_number": "4505577104",
                "birth_date": date(1999, 9, 9),
                "sex": "F",
            },
            {
                "source": "gp",
                "record_id": "g3",
                "nhs_number": "4505577105",
                "birth_date": date(1990, 2, 2),
            },  # bad digit
        ],
    )
    result = build(site)
    found = keys(site)
    amy, bo = found["epr", "p1"][0], found["epr", "p2"][0]
    assert found["gp", "g1"] == (amy, "nhs_number+birth_date")
    assert found["incidents", "i1"] == (amy, "nhs_number")
    assert found["tissue", "t1"] == (bo, "local_number")
    others = {found[record][0] for record in (("tissue", "t2"), ("gp", "g2"), ("gp", "g3"))}
    assert len(others) == 3
    assert not others & {amy, bo}
    assert (result.records, result.persons, result.linked) == (8, 5, 5)
    assert sum(result.by_step.values()) == 8
    assert result.by_source["epr"] == {
        "records": 2,
        "linked": 2,
        "rate": 1.0,
        "by_step": {"local_number": 1, "nhs_number+birth_date": 1},
    }


def test_a_local_number_of_another_organisation_links_nobody(site: Site, stage: Any) -> None:
    stage(
        "patient",
        [AMY, {"source": "other", "record_id": "x", "local_number": "H1", "birth_date": date(1980, 1, 1)}],
    )
    assert build(site, own_sources=["epr"]).persons == 2
    assert build(site).persons == 1


def test_people_keep_their_keys_and_no_key_is_used_twice(site: Site, stage: Any) -> None:
    stage("patient", [BO])
    build(site)
    bo = keys(site)["epr", "p2"][0]
    stage("patient", [AMY])  # sorts before Bo, and is new
    assert build(site).new_persons == 1
    assert keys(site)["epr", "p2"][0] == bo
    amy = keys(site)["epr", "p1"][0]
    stage("patient", [AMY | {"deleted": True}])
    gone = build(site)
    assert (gone.persons, gone.retired_keys) == (1, 1)
    stage("patient", [{**AMY, "record_id": "p9", "nhs_number": None, "local_number": None}])
    build(site)
    assert keys(site)["epr", "p9"][0] not in (amy, bo)


def test_a_merge_keeps_the_smaller_key_and_a_split_keeps_the_larger_part(site: Site, stage: Any) -> None:
    lone = {**BO, "record_id": "p3", "nhs_number": None, "local_number": None}
    stage("patient", [AMY, lone])
    build(site)
    first, second = keys(site)["epr", "p1"][0], keys(site)["epr", "p3"][0]
    same = {**AMY, "record_id": "p3"}
    stage("patient", [same, {**AMY, "record_id": "p4"}])
    merged = build(site)
    assert {key for key, _ in keys(site).values()} == {min(first, second)}
    assert merged.retired_keys == 1
    stage("patient", [lone])
    build(site)
    found = keys(site)
    assert found["epr", "p1"][0] == found["epr", "p4"][0] == min(first, second)
    assert found["epr", "p3"][0] == max(first, second)  # the retired key comes back with its record


def test_conflicts_are_listed_by_reference_only(site: Site, stage: Any) -> None:
    twin = {
        **AMY,
        "record_id": "p5",
        "birth_date": date(1981, 1, 1),
        "given_name": "Ann",
        "local_number": "H5",
    }
    stage("patient", [AMY, twin, {"source": "gp", "record_id": "g", "nhs_number": "9434765919", "sex": "F"}])
    result = build(site)
    assert result.persons == 3
    assert result.conflicts == {"ambiguous": 2}
    with Engine(threads=1) as engine:
        engine.view_parquet("c", index_path(site).with_name("conflicts.parquet"))
        rows = engine.rows("SELECT kind, left_record_id, right_record_id FROM c")
    assert len(rows) == 2
    assert "9434765919" not in repr(rows)


def test_an_index_without_its_state_is_refused(site: Site, stage: Any) -> None:
    stage("patient", [AMY])
    build(site)
    state = index_path(site).with_name("index.json")
    kept = state.read_bytes()
    state.unlink()
    with pytest.raises(LockgateError, match="lost its state"):
        build(site)
    state.write_bytes(kept[:-20])
    with pytest.raises(LockgateError, match="can't be read"):
        build(site)


def test_a_million_copies_are_one_person_at_once(site: Site) -> None:
    from lockgate.identity.index import link

    with Engine(threads=1) as engine:
        engine.execute("""CREATE TABLE many AS SELECT 'epr' AS source, CAST(range AS VARCHAR) AS record_id,
            '9434765919' AS nhs_number, 'H1' AS local_number, 'O''Neill' AS family_name, 'Amy' AS given_name,
            CAST([] AS VARCHAR[]) AS former_names, 'F' AS sex, DATE '1980-01-01' AS birth_date FROM range(200000)""")
        result, _ = link(engine, "many", previous=Path(site.path / "none.parquet"))
    assert (result.records, result.persons) == (200_000, 1)


OBJECTIONS = [
    {
        "record_id": "o1",
        "nhs_number": "9434765919",
        "kind": "national_data_opt_out",
        "from_date": date(2025, 1, 1),
    },
    {"record_id": "o2", "local_number": "h2", "kind": "local_objection", "until_date": date(2026, 1, 1)},
    {
        "record_id": "o3",
        "nhs_number": "4505577104",
        "kind": "research_consent_withdrawn",
        "from_date": date(2027, 1, 1),
    },
    {"record_id": "o4", "nhs_number": "9990000018", "kind": "national_data_opt_out"},
]


@pytest.mark.parametrize(
    ("at", "purpose", "people"),
    [
        (date(2024, 12, 31), "research", {"p2"}),
        (date(2025, 1, 1), "research", {"p1", "p2"}),
        (date(2026, 1, 1), "research", {"p1"}),  # until is the first day it no longer holds
        (date(2027, 1, 1), "research", {"p1", "p2"}),
        (date(2027, 1, 1), "service_evaluation", {"p1"}),
        (date(2025, 6, 1), "audit", {"p2"}),  # a national opt-out does not cover the care team's audit
    ],
)
def test_opt_outs_by_day_and_purpose(
    site: Site, stage: Any, at: date, purpose: str, people: set[str]
) -> None:
    stage("patient", [AMY, BO])
    stage("objection", [{"source": "opt_outs"} | row for row in OBJECTIONS])
    build(site)
    names = {key: record for (_, record), (key, _) in keys(site).items()}
    with Engine(threads=1) as engine:
        assert {names[key] for key in opted_out(engine, site, at=at, purpose=purpose)} == people
        assert unmatched_objections(engine, site, at=at) == 1


def test_an_unknown_kind_is_obeyed_and_an_unknown_purpose_refused(site: Site, stage: Any) -> None:
    stage("patient", [AMY])
    stage(
        "objection", [{"source": "x", "record_id": "o", "nhs_number": "9434765919", "kind": "something new"}]
    )
    with Engine(threads=1) as engine:
        with pytest.raises(UsageError, match="no patient index"):
            opted_out(engine, site, at=date(2026, 1, 1))
        build_index(engine, site)
        assert len(opted_out(engine, site, at=date(2026, 1, 1), purpose="audit")) == 1
        with pytest.raises(UsageError, match="no purpose"):
            opted_out(engine, site, at=date(2026, 1, 1), purpose="marketing")


def test_the_commands_say_what_was_linked(site: Site, stage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stage("patient", [AMY, BO])
    assert run(["--site", str(site.path), "index", "show", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["remedy"] == "run `lockgate index build`"
    assert run(["--site", str(site.path), "index", "build", "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert (built["records"], built["persons"]) == (2, 2)
    assert run(["--site", str(site.path), "index", "show"]) == 0
    assert "2 records of 2 people" in capsys.readouterr().out
    chain = site.audit.chain.read_text()
    assert "index.built" in chain
    assert "9434765919" not in chain


def test_an_objection_is_matched_by_any_number_that_a_record_has_or_had(site: Site, stage: Any) -> None:
    stage("patient", [{**AMY, "identifiers": ["https://hospital.example/mrn|OLD 7", "urn:empty|"]}, BO])
    stage(
        "objection",
        [
            {"source": "x", "record_id": "o1", "local_number": "old-7", "kind": "local_objection"},
            {
                "source": "x",
                "record_id": "o2",
                "local_number": "",
                "nhs_number": "",
                "kind": "local_objection",
            },
        ],
    )
    build(site)
    names = {key: record for (_, record), (key, _) in keys(site).items()}
    with Engine(threads=1) as engine:
        assert {names[key] for key in opted_out(engine, site, at=date(2026, 1, 1))} == {"p1"}
