"""The analyses give what OHDSI's own SQL gives: on its goldens, and on invented data with every oddity at once."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.characterise import pairs
from lockgate.characterise.catalogue import catalogue
from lockgate.characterise.cells import packing, runs
from lockgate.characterise.run import RAW, STRATA, characterise, write_results
from lockgate.engine import Engine
from lockgate.errors import UsageError

# Ten of the concepts that most people have beside one: OHDSI's SQL doesn't say which of two equal ones comes first.
TIED = (424, 624, 724, 824, 1824)
KEYS = ("analysis_id", *STRATA, "count_value")


def run(folder: Path, numbers: list[int] | None = None, **options: int) -> pa.Table:
    with Engine(memory_limit="1GB", threads=1) as engine:
        return characterise(engine, folder, numbers, **options).rows


def counted(rows: pa.Table, *, but: str = "") -> dict[tuple[object, ...], int]:
    found: dict[tuple[object, ...], int] = {}
    names = [name for name in KEYS if name != but]
    for key in zip(*(rows.column(name).to_pylist() for name in names), strict=True):
        found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.parametrize("name", ["gibleed_omop53", "synthea1k_omop54"])
def test_rows_are_those_of_the_golden(name: str, shared_data: Path) -> None:
    golden = pq.read_table(shared_data / f"omop/goldens/achilles_{name}.parquet")
    there = set(golden.column("analysis_id").to_pylist())
    rows = run(shared_data / "omop" / name, sorted(there))
    tied = pa.array(TIED, pa.int32())
    for table in (golden, rows):
        assert set(table.column("analysis_id").to_pylist()) == there
    ours, theirs = (
        t.filter(pa.compute.invert(pa.compute.is_in(t["analysis_id"], tied))) for t in (rows, golden)
    )
    assert counted(ours) == counted(theirs)
    # of equal ones, only how many people and events they share can be compared
    ours, theirs = (t.filter(pa.compute.is_in(t["analysis_id"], tied)) for t in (rows, golden))
    assert counted(ours, but="stratum_2") == counted(theirs, but="stratum_2")


def test_every_analysis_of_achilles_is_there() -> None:
    assert len(catalogue()) == 294
    assert all(each.name and each.category and each.sql for each in catalogue().values())


def odd_folder(folder: Path, seed: int) -> Path:
    """People without a sex, a year of birth or a row; periods that overlap, touch, or end before they begin; events
    before, between and after, of no concept, nobody, or a visit that isn't there."""
    rng = np.random.default_rng(seed)

    def maybe(values: np.ndarray, share: float) -> list[object]:
        return [None if rng.random() < share else value for value in values.tolist()]

    def days(n: int) -> np.ndarray:
        return np.datetime64("1998-11-20") + rng.integers(0, 1500, n)

    people = 40
    pq.write_table(
        pa.table(
            {
                "person_id": range(1, people + 1),
                "gender_concept_id": pa.array(maybe(rng.choice([8507, 8532], people), 0.1), pa.int64()),
                "year_of_birth": pa.array(maybe(rng.integers(1930, 2002, people), 0.1), pa.int64()),
                "race_concept_id": rng.integers(0, 3, people),
                "ethnicity_concept_id": rng.integers(0, 2, people),
            }
        ),
        folder / "person.parquet",
    )
    periods = 70
    start = days(periods)
    pq.write_table(
        pa.table(
            {
                "person_id": rng.integers(1, people + 6, periods),
                "observation_period_start_date": start,
                "observation_period_end_date": start + rng.integers(-5, 900, periods),
                "period_type_concept_id": rng.integers(1, 3, periods),
            }
        ),
        folder / "observation_period.parquet",
    )
    n = 400
    start = days(n)
    pq.write_table(
        pa.table(
            {
                "person_id": pa.array(maybe(rng.integers(1, people + 12, n), 0.03), pa.int64()),
                "condition_concept_id": pa.array(maybe(rng.integers(0, 6, n), 0.05), pa.int64()),
                "condition_start_date": pa.array(maybe(start, 0.03), pa.date32()),
                "condition_end_date": pa.array(maybe(start + rng.integers(-3, 30, n), 0.2), pa.date32()),
                "condition_type_concept_id": rng.integers(1, 3, n),
                "visit_occurrence_id": pa.array(maybe(rng.integers(1, 60, n), 0.3), pa.int64()),
                "provider_id": pa.array(maybe(rng.integers(1, 4, n), 0.3), pa.int64()),
            }
        ),
        folder / "condition_occurrence.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "person_id": rng.integers(1, people + 3, n),
                "drug_concept_id": rng.integers(0, 5, n),
                "drug_era_start_date": start,
                "drug_era_end_date": pa.array(maybe(start + rng.integers(-2, 90, n), 0.1), pa.date32()),
            }
        ),
        folder / "drug_era.parquet",
    )
    pq.write_table(
        pa.table({"visit_occurrence_id": [*range(1, 50), 7], "visit_concept_id": [9201] * 30 + [9202] * 20}),
        folder / "visit_occurrence.parquet",
    )
    return folder


# OHDSI's SQL of these, as it stands in Achilles 1.7.2 but for its temporary tables and dialect.
_IN = (
    "{t} e JOIN observation_period o ON e.person_id = o.person_id AND e.{d} >= o.observation_period_start_date"
    " AND e.{d} <= o.observation_period_end_date"
)
_C = _IN.format(t="condition_occurrence", d="condition_start_date")
_PAIRS = (
    "SELECT c1.condition_concept_id, c2.condition_concept_id, NULL, count(DISTINCT c2.person_id), count(*),"
    " count(DISTINCT c2.person_id) FROM condition_occurrence c1 JOIN condition_occurrence c2 USING (person_id)"
    " WHERE c1.condition_concept_id != 0 AND c2.condition_concept_id != 0"
    " AND c1.condition_concept_id != c2.condition_concept_id GROUP BY 1, 2"
)
THEIRS = {
    101: "SELECT year(i) - year_of_birth, count(p.person_id) FROM person p JOIN (SELECT person_id, "
    "min(observation_period_start_date) i FROM observation_period GROUP BY 1) o USING (person_id) GROUP BY 1",
    109: "SELECT y, count(DISTINCT person_id) FROM observation_period, (SELECT unnest(range(1900, 2100)) y)"
    " WHERE observation_period_start_date <= make_date(y, 1, 1) AND observation_period_end_date >= make_date(y, 12, 31)"
    " AND y BETWEEN (SELECT min(year(observation_period_start_date)) FROM observation_period)"
    " AND (SELECT max(year(observation_period_start_date)) FROM observation_period) GROUP BY 1",
    110: "SELECT m, count(DISTINCT person_id) FROM observation_period JOIN (SELECT DISTINCT "
    "strftime(observation_period_start_date, '%Y%m') m, date_trunc('month', observation_period_start_date) a,"
    " last_day(observation_period_start_date) b FROM observation_period)"
    " ON observation_period_start_date <= a AND observation_period_end_date >= b GROUP BY 1",
    116: "SELECT y, gender_concept_id, floor((y - year_of_birth) / 10), count(DISTINCT person_id) FROM person"
    " JOIN observation_period USING (person_id), (SELECT DISTINCT year(observation_period_start_date) y FROM"
    " observation_period) WHERE year(observation_period_start_date) <= y AND year(observation_period_end_date) >= y"
    " GROUP BY 1, 2, 3",
    117: "SELECT y * 100 + m, count(DISTINCT person_id) FROM observation_period, (SELECT unnest(range(1900, 2100)) y),"
    " (SELECT unnest(range(1, 13)) m) WHERE strftime(observation_period_start_date, '%Y%m')::INT <= y * 100 + m"
    " AND strftime(observation_period_end_date, '%Y%m')::INT >= y * 100 + m GROUP BY 1",
    400: f"SELECT condition_concept_id, count(DISTINCT e.person_id) FROM {_C} GROUP BY 1",
    401: f"SELECT condition_concept_id, count(e.person_id) FROM {_C} GROUP BY 1",
    402: "SELECT condition_concept_id, year(condition_start_date) * 100 + month(condition_start_date),"
    f" count(DISTINCT e.person_id) FROM {_C} GROUP BY 1, 2",
    404: "SELECT condition_concept_id, year(condition_start_date), gender_concept_id,"
    " floor((year(condition_start_date) - year_of_birth) / 10), count(DISTINCT p.person_id)"
    f" FROM {_C} JOIN person p ON p.person_id = e.person_id GROUP BY 1, 2, 3, 4",
    405: f"SELECT condition_concept_id, condition_type_concept_id, count(e.person_id) FROM {_C} GROUP BY 1, 2",
    409: "SELECT count(person_id) FROM condition_occurrence WHERE person_id NOT IN (SELECT person_id FROM person)",
    410: "SELECT count(e.person_id) FROM condition_occurrence e WHERE NOT EXISTS (FROM observation_period o WHERE"
    " o.person_id = e.person_id AND condition_start_date BETWEEN observation_period_start_date AND"
    " observation_period_end_date)",
    411: "SELECT count(person_id) FROM condition_occurrence WHERE condition_end_date < condition_start_date",
    412: "SELECT count(person_id) FROM condition_occurrence WHERE provider_id IS NOT NULL",
    413: "SELECT count(e.person_id) FROM condition_occurrence e WHERE visit_occurrence_id IS NOT NULL"
    " AND visit_occurrence_id NOT IN (SELECT visit_occurrence_id FROM visit_occurrence)",
    420: "SELECT year(condition_start_date) * 100 + month(condition_start_date), count(e.person_id)"
    f" FROM {_C} GROUP BY 1",
    424: f"SELECT a, b, row_number() OVER (PARTITION BY a ORDER BY n DESC, m DESC, b), n, m, n FROM ({_PAIRS})"
    " t (a, b, r, n, m, c) QUALIFY row_number() OVER (PARTITION BY a ORDER BY n DESC, m DESC, b) <= 10",
    430: f"SELECT count(*) FROM {_C}",
    431: "SELECT 1.0 * x / y, x, y, 1 FROM (SELECT count(DISTINCT e.person_id) x FROM condition_occurrence e WHERE NOT"
    " EXISTS (FROM observation_period o WHERE o.person_id = e.person_id AND condition_start_date BETWEEN"
    " observation_period_start_date AND observation_period_end_date)), (SELECT count(DISTINCT person_id) y FROM"
    " condition_occurrence)",
    910: "SELECT count(*) FROM drug_era e WHERE NOT EXISTS (FROM observation_period o WHERE o.person_id = e.person_id"
    " AND drug_era_start_date BETWEEN observation_period_start_date AND observation_period_end_date)",
}  # fmt: skip
DRAWN = {
    103: "SELECT NULL, NULL, min(year(observation_period_start_date)) - year_of_birth FROM person"
    " JOIN observation_period USING (person_id) GROUP BY person_id, year_of_birth",
    403: f"SELECT NULL, NULL, count(DISTINCT condition_concept_id) FROM {_C} GROUP BY e.person_id",
    406: "SELECT condition_concept_id, gender_concept_id, y - year_of_birth FROM person JOIN (SELECT e.person_id,"
    f" condition_concept_id, min(year(condition_start_date)) y FROM {_C} GROUP BY 1, 2) USING (person_id)",
    907: "SELECT drug_concept_id, NULL, drug_era_end_date - drug_era_start_date FROM "
    + _IN.format(t="drug_era", d="drug_era_start_date"),
}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_are_those_of_ohdsis_sql_on_odd_data(seed: int, tmp_path: Path) -> None:
    odd_folder(tmp_path, seed)
    rows = run(tmp_path, [*THEIRS, *DRAWN])
    ours: dict[int, set[tuple[object, ...]]] = {number: set() for number in THEIRS}
    for *key, count in zip(*(rows.column(name).to_pylist() for name in KEYS), strict=True):
        if key[0] in ours:
            ours[key[0]].add((*key[1:], count))
    with duckdb.connect() as plain:
        for path in tmp_path.glob("*.parquet"):
            plain.execute(f"CREATE VIEW {path.stem} AS FROM '{path}'")
        for number, sql in THEIRS.items():
            there = plain.execute(sql).fetchall()
            told = {
                (*(None if v is None else str(v) for v in row[:-1]), *[None] * (6 - len(row)), row[-1])
                for row in there
                if row[-1]
            }
            assert ours[number] == told, number
        for number, sql in DRAWN.items():
            check_distribution(plain, rows, number, sql)


def check_distribution(plain: duckdb.DuckDBPyConnection, rows: pa.Table, number: int, sql: str) -> None:
    drawn: dict[tuple[str | None, ...], list[float | None]] = {}
    strata = len(catalogue()[number].strata)
    for one, two, value in plain.execute(sql).fetchall():
        key = tuple(None if v is None else str(v) for v in (one, two))
        if all(each is not None for each in key[:strata]):
            drawn.setdefault(key, []).append(None if value is None else float(value))
    mine = {
        (row["stratum_1"], row["stratum_2"]): row for row in rows.to_pylist() if row["analysis_id"] == number
    }
    assert mine.keys() == drawn.keys()
    for key, values in drawn.items():
        row, given = mine[key], sorted(v for v in values if v is not None)
        assert row["count_value"] == len(values)
        if not given:
            assert row["avg_value"] is None
            continue
        assert (row["min_value"], row["max_value"]) == (given[0], given[-1])
        assert row["avg_value"] == pytest.approx(np.mean(given))
        if len(given) > 1:
            assert row["stdev_value"] == pytest.approx(np.std(given, ddof=1))
        for name, share in (("median", 0.5), ("p10", 0.1), ("p25", 0.25), ("p75", 0.75), ("p90", 0.9)):
            needed = int(np.ceil(round(share * len(values), 9)))
            beyond = given[-1] if catalogue()[number].beyond == "largest" else None
            assert row[f"{name}_value"] == (given[needed - 1] if needed <= len(given) else beyond), (
                key,
                name,
            )


def test_a_table_read_in_passes_gives_the_same(tmp_path: Path) -> None:
    odd_folder(tmp_path, 4)
    numbers = [400, 402, 403, 404, 406, 420, 424, 431, 2000, 2004]
    assert run(tmp_path, numbers, at_once=50).equals(run(tmp_path, numbers))


def test_the_file_says_whose_numbers_they_are(tmp_path: Path) -> None:
    odd_folder(tmp_path, 5)
    out = tmp_path / "out.parquet"
    write_results(run(tmp_path, [1, 2]), out)
    assert pq.read_schema(out).metadata[b"disclosure"].decode() == RAW
    assert out.stat().st_mode & 0o077 == 0


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    odd_folder(tmp_path, 6)
    with Engine() as engine:
        absent = characterise(engine, tmp_path, [1]).absent
    assert "measurement" in absent and "person.care_site_id" in absent
    (tmp_path / "person.parquet").unlink()
    with pytest.raises(UsageError, match=r"no person\.parquet"):
        run(tmp_path, [1])
    with pytest.raises(UsageError, match="no analysis 6"):
        run(tmp_path, [1, 6])


@pytest.mark.parametrize("most", [3, 1024])
def test_pairs_of_concepts_are_counted_as_one_by_one(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_MANY", most)  # people of more are paired a concept at a time
    monkeypatch.setattr(pairs, "_AT_ONCE", 20)
    draw = np.random.default_rng(4)
    pack = packing(40, 9, 2000, 2001)
    assert pack
    events = [
        (int(c), int(p), int(m))
        for c, p, m in zip(*(draw.integers(0, n, 300) for n in (9, 40, 24)), strict=True)
    ]
    cells = [(c << pack.person_bits | p) << pack.month_bits | m for c, p, m in events]
    people: Counter[tuple[int, int]] = Counter()
    cases: Counter[tuple[int, int]] = Counter()
    for person in range(40):
        had = Counter(c for c, p, _ in events if p == person and c != 2)
        for one, other in itertools.combinations(sorted(had), 2):
            people[one, other] += 1
            cases[one, other] += had[one] * had[other]
    found = pairs.together(runs(np.array(cells, np.int64)), pack, np.array([2]), 9)
    told = {
        (one, other): (n, times)
        for one, other, n, times in zip(*(each.tolist() for each in found), strict=True)
    }
    assert told == {pair: (n, cases[pair]) for pair, n in people.items()}
