"""The catalogue: valid by HDR UK's schema, true by the release, with nothing small in it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.catalogue import build_catalogue, check_entry, list_catalogues, open_catalogue
from lockgate.catalogue.coverage import cover
from lockgate.catalogue.quality import published_quality
from lockgate.cli import run
from lockgate.curate import Release
from lockgate.curate.passed_quality import check_quality
from lockgate.curate.reuse import Known
from lockgate.disclosure import Rules, safe_count
from lockgate.disclosure.core import shown_bounds
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.schema import OMOP, RELEASE
from lockgate.site import Site

TYPES = {
    "BIGINT": pa.int64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
}
SCHEMA = Path("catalogue/hdr_schemata/models/HDRUK/4.0.0/schema.json")
ICD10 = {"concept_id": 1, "concept_code": "I10", "vocabulary_id": "ICD10"}
RARE = {"concept_id": 2, "concept_code": "E75.2", "vocabulary_id": "ICD10"}


def release(site: Site, number: str, people: list[dict[str, Any]]) -> Release:
    """A release of our own, small enough to count by hand: each person with one diagnosis."""
    folder = site.releases / number
    (folder / "omop").mkdir(parents=True)
    tables = {
        "person": [
            {"person_id": i, "year_of_birth": p["born"], "race_source_value": p.get("ethnicity", "A")}
            for i, p in enumerate(people)
        ],
        "condition_occurrence": [
            {"person_id": i, "condition_source_concept_id": p.get("disease", 1)} for i, p in enumerate(people)
        ],
        "observation_period": [
            {
                "person_id": i,
                "observation_period_start_date": p.get("from", date(2020, 5, 17)),
                "observation_period_end_date": p.get("until", date(2026, 3, 2)),
            }
            for i, p in enumerate(people)
        ],
        "concept": [ICD10, RARE],
    }
    described = {}
    for name, rows in tables.items():
        schema = pa.schema([(column.name, TYPES[column.type]) for column in OMOP[name]])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "omop" / f"{name}.parquet")
        described[name] = {"file": f"omop/{name}.parquet", "rows": len(rows)}
    manifest = {
        "tables": described,
        "created_at": "2026-11-22T09:00:00+00:00",
        "opt_out_cut_off": "2026-11-22",
        "data_until": "2026-11-20",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Release(number, folder, manifest)


def crowd(n: int, **facts: Any) -> list[dict[str, Any]]:
    return [{"born": 1986, **facts} for _ in range(n)]


def test_counts_are_those_of_the_release_rounded_and_small_groups_missing(site: Site) -> None:
    people = [
        *crowd(103),
        *crowd(41, born=1950, ethnicity="H"),
        *crowd(3, born=2019, ethnicity="R", disease=2),
        *crowd(27, ethnicity=None),
    ]
    release(site, "2026.1", people)
    entry = build_catalogue(site, actor="test").entry
    assert entry["summary"]["populationSize"] == 180
    ages = {row["bin"]: row["count"] for row in entry["demographicFrequency"]["age"]}
    # three children: theirs is withheld, and rounding leaves anything from 0 to 9 of them possible
    assert ages == {"40-44 years": 135, "75-79 years": 45}
    ethnicity = {row["bin"]: row["count"] for row in entry["demographicFrequency"]["ethnicity"]}
    assert "Other Ethnic Groups - Chinese" not in ethnicity
    assert set(ethnicity.items()) == {
        ("White - British", 105),
        ("Asian or Asian British - Indian", 45),
        ("Not known", 30),
    }
    assert entry["demographicFrequency"]["disease"] == [
        {"diseaseCode": "I10", "diseaseCodeVocabulary": "ICD10", "count": 165}
    ]


@pytest.mark.parametrize("few", [1, 4, 9])
def test_a_count_of_explore_beside_the_catalogues_tells_no_small_group(site: Site, few: int) -> None:
    """The catalogue isn't in the ledger of questions: whoever asks for all but a few of one of its groups, and knows
    both policies, is left with several small numbers that the few may be."""
    policy = Rules(threshold=site.config.disclosure.threshold, rounding=site.config.disclosure.rounding)
    for size in range(20, 170, 13):
        made = release(site, f"2026.{size}", [*crowd(size), *crowd(400, born=1950)])
        told = build_catalogue(site, made.number, actor="test").entry["demographicFrequency"]["age"][0][
            "count"
        ]
        answer = safe_count(size - few, policy)  # what Explore tells of all but the few
        assert isinstance(answer, int)
        (low, high), (least, most) = (
            [int(bound) for bound in shown_bounds(shown, rules)]
            for shown, rules in ((told, policy.coarse), (answer, policy))
        )
        possible = [n for n in range(1, policy.threshold) if low - most <= n <= high - least]
        assert few in possible and len(possible) + max(0, high - least - policy.threshold + 1) >= 4


def test_no_single_persons_day_is_the_first_or_the_last(site: Site) -> None:
    people = [*crowd(50), *crowd(2, **{"from": date(1931, 1, 1), "until": date(2026, 11, 19)})]
    release(site, "2026.1", people)
    temporal = build_catalogue(site, actor="test").entry["provenance"]["temporal"]
    assert (temporal["startDate"], temporal["endDate"]) == ("2020-05-01", "2026-03-31")


def test_too_few_people_are_not_described(site: Site) -> None:
    release(site, "2026.1", crowd(9))
    with pytest.raises(Refused, match="too few people"):
        build_catalogue(site, actor="test")
    assert list_catalogues(site) == []


def test_every_column_of_every_table_is_described_but_those_always_empty(site: Site) -> None:
    release(site, "2026.1", crowd(20))
    facts = build_catalogue(site, actor="test").facts
    described = {table["name"]: [column["name"] for column in table["columns"]] for table in facts["tables"]}
    assert described["person"] == [c.name for c in RELEASE["person"] if c.role != "withheld"]
    assert "person_source_value" not in described["person"]


def test_releases_are_versions_of_one_data_set(site: Site) -> None:
    release(site, "2026.1", crowd(20))
    release(site, "2026.2", crowd(40))
    first = build_catalogue(site, "2026.1", actor="test").entry
    second = build_catalogue(site, "2026.2", actor="test").entry
    assert first["identifier"] == second["identifier"]
    assert (second["version"], second["revisions"]) == ("2026.2.0", [{"version": "2026.1.0"}])
    assert open_catalogue(site).release == "2026.2"
    again = build_catalogue(site, "2026.2", actor="test")
    assert [item.release for item in list_catalogues(site)] == ["2026.2", "2026.1"]
    assert again.path.is_dir()


def test_valid_by_the_schema_of_hdr_uk(site: Site, shared_data: Path) -> None:
    schema = shared_data / SCHEMA
    release(site, "2026.1", [*crowd(60), *crowd(40, born=1936, ethnicity="Z"), *crowd(15, born=2026)])
    result = build_catalogue(site, actor="test", schema=schema)
    assert result.facts["checked_against"] == "schema.json"
    broken = {**result.entry, "version": "one", "observations": [{}]}
    assert any(problem.startswith("version:") for problem in check_entry(broken, schema))
    # HDR UK's own example is valid, so the check is theirs and not ours
    example = json.loads((shared_data / "catalogue/docs/HDRUK/4.0.0.example.json").read_bytes())
    assert check_entry(example, schema) == []


def test_an_entry_that_breaks_the_schema_is_not_published(site: Site, tmp_path: Path) -> None:
    release(site, "2026.1", crowd(60))
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object", "required": ["a field nobody has"]}))
    with pytest.raises(Refused) as refusal:
        build_catalogue(site, actor="test", schema=schema)
    assert "a field nobody has" in refusal.value.reasons[0]
    assert list_catalogues(site) == []
    schema.write_text("{")
    with pytest.raises(UsageError, match="JSON Schema"):
        build_catalogue(site, actor="test", schema=schema)


def covered(site: Site, rows: list[dict[str, Any]]) -> dict[str, Any]:
    found = release(site, "2026.1", crowd(20))
    schema = pa.schema(
        [
            ("table", pa.string()),
            ("source", pa.string()),
            ("person_id", pa.int64()),
            ("month", pa.date32()),
            ("rows", pa.int64()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), found.path / "coverage.parquet")
    with Engine() as engine:
        engine.execute("CREATE TABLE unwilling (person_id BIGINT)")
        return {item.table: item for item in cover(engine, found, Rules())}


def seen(table: str, source: str, month: date, people: int, rows: int = 1) -> list[dict[str, Any]]:
    return [
        {"table": table, "source": source, "person_id": i, "month": month, "rows": rows}
        for i in range(people)
    ]


def test_coverage_counts_people_by_month_and_shows_gaps_as_noughts(site: Site) -> None:
    found = covered(
        site,
        [
            *seen("condition_occurrence", "epr", date(2026, 1, 1), 32, rows=4),
            *seen("condition_occurrence", "epr", date(2026, 4, 1), 11),
            *seen("condition_occurrence", "hes", date(2026, 2, 1), 4),
        ],
    )["condition_occurrence"]
    counts = dict(zip(found.safe.keys, found.safe.counts["people"].values.tolist(), strict=True))
    hidden = dict(zip(found.safe.keys, found.safe.counts["people"].hidden.tolist(), strict=True))
    assert found.step == "month"
    assert counts[("epr", "2026-01")] == 30
    assert counts[("epr", "2026-02")] == 0
    assert counts[("epr", "2026-04")] == 10
    assert hidden[("hes", "2026-02")]
    assert "<svg" in found.svg


def test_a_long_series_is_drawn_by_year_and_each_person_counted_once_in_it(site: Site) -> None:
    months = [date(2000 + i // 12, i % 12 + 1, 1) for i in range(25 * 12)]
    found = covered(site, [row for month in months for row in seen("measurement", "epr", month, 20)])
    item = found["measurement"]
    assert item.step == "year"
    assert set(item.safe.counts["people"].values.tolist()) == {20}


def test_commands(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], shared_data: Path) -> None:
    release(site, "2026.1", crowd(60))
    place = ["--site", str(site.path)]
    schema = str(shared_data / SCHEMA)
    assert run([*place, "catalogue", "build", "--schema", schema, "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert run([*place, "catalogue", "check", f"{built['path']}/dataset.json", "--schema", schema]) == 0
    assert run([*place, "catalogue", "show", "--json"]) == 0
    capsys.readouterr()
    assert run([*place, "catalogue", "show", "2031.1"]) == 2
    assert "catalogue build" in capsys.readouterr().err
    dictionary = (Path(built["path"]) / "dictionary.md").read_text()
    assert "| year_of_birth | BIGINT | yes |" in dictionary


def test_quality_is_published_with_small_counts_withheld(site: Site) -> None:
    people = [*crowd(60), *crowd(4, born=2090), *crowd(30, born=1800)]
    made = release(site, "2026.1", people)
    quality = check_quality(site, made.path, date(2026, 11, 22), {}, Known())
    assert quality is not None
    made.manifest["quality_checks"] = asdict(quality)
    facts = published_quality(made, Rules())
    assert facts is not None
    assert facts["passed"] + facts["failed"] + facts["error"] + facts["not_applicable"] == 2376
    told = {(row["check"], row["field"]): (row["violated"], row["rows"]) for row in facts["failures"]}
    assert told["plausibleValueHigh", "year_of_birth"] == ("<10", 95)
    assert told["plausibleValueLow", "year_of_birth"] == (30, 95)
    assert published_quality(release(site, "2026.2", crowd(20)), Rules()) is None
