"""Pseudonyms and the patient index: speed, and whether the answers are right."""

from __future__ import annotations

import hashlib
import hmac
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.bench import encodings, hard
from lockgate.bench.core import Measure
from lockgate.bench.scale import population_measures, public_measures
from lockgate.engine import Engine
from lockgate.identity.index import link
from lockgate.identity.pseudonym import pseudonymise, rekey_table
from lockgate.schema import nhs_number

_KEY = hashlib.sha256(b"a key for measuring only").digest()


def run(quick: bool = False) -> list[Measure]:
    """Pseudonyms, a release table re-keyed, NHS numbers checked, the index, encodings made and matched, and linkage at
    scale and of hard sets."""
    return [
        _integers(200_000 if quick else 5_000_000),
        _strings(20_000 if quick else 500_000),
        _table(50_000 if quick else 2_000_000),
        _check_digits(50_000 if quick else 1_000_000),
        *_index(10_000 if quick else 200_000),
        *encodings.run(quick),
        *population_measures(quick),
        *public_measures(quick),
        *hard.measures(quick),
    ]


def _timed(work: Callable[[], Any], repeat: int = 3) -> tuple[float, Any]:
    """The shortest wall time of a few runs, and the result."""
    best, result = float("inf"), None
    for _ in range(repeat):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def _hmac_rate(n: int = 20_000) -> float:
    """The usual way, one HMAC-SHA256 a value in Python: values a second."""
    started = time.perf_counter()
    for value in range(n):
        hmac.digest(_KEY, str(value).encode(), "sha256")
    return n / (time.perf_counter() - started)


def _integers(n: int) -> Measure:
    keys = pa.array(np.random.default_rng(7).permutation(n))
    seconds, hidden = _timed(lambda: pseudonymise(keys, _KEY, "person"))
    values = hidden.to_numpy()
    alone = pseudonymise(keys.slice(n // 2, 1), _KEY, "person")[0].as_py()
    correct = bool(values.min() > 0 and len(np.unique(values)) == n and values[n // 2] == alone)
    return Measure(
        "pseudonyms of integers, Arrow to Arrow", n / seconds, "ids/s", target=5_000_000,
        peer="HMAC-SHA256 in a loop", peer_value=_hmac_rate(), correct=correct,
    )  # fmt: skip


def _strings(n: int) -> Measure:
    values = pa.array([f"epr|{number}" for number in range(n)])
    seconds, hidden = _timed(lambda: pseudonymise(values, _KEY, "visit_occurrence"), repeat=2)
    correct = len(set(hidden.to_pylist())) == n
    return Measure(
        "pseudonyms of distinct strings", n / seconds, "ids/s",
        peer="HMAC-SHA256 in a loop", peer_value=_hmac_rate(), correct=correct,
    )  # fmt: skip


def _table(n: int) -> Measure:
    rng = np.random.default_rng(8)
    table = pa.table(
        {
            "measurement_id": pa.array(np.arange(1, n + 1)),
            "person_id": pa.array(rng.integers(1, max(2, n // 50), n)),
            "value": pa.array(rng.random(n)),
        }
    )
    domains = {"measurement_id": "measurement", "person_id": "person"}
    seconds, hidden = _timed(lambda: rekey_table(table, domains, _KEY), repeat=2)
    people = len(np.unique(table["person_id"].to_numpy()))
    correct = len(np.unique(hidden["person_id"].to_numpy())) == people and hidden["value"].equals(
        table["value"]
    )
    return Measure("a table of two key columns re-keyed", n / seconds, "rows/s", correct=bool(correct))


def _check_digits(n: int) -> Measure:
    numbers = [f"{4_000_000_000 + number * 7:010d}" for number in range(n)]
    sample = numbers[:20_000]
    started = time.perf_counter()
    expected = sum(map(nhs_number.valid, sample))
    peer = len(sample) / (time.perf_counter() - started)
    with Engine(threads=1) as engine:
        engine.execute(nhs_number.SQL_MACRO)
        engine.register("numbers", pa.table({"x": numbers}))
        count = "SELECT count(*) FROM numbers WHERE nhs_number_valid(x)"
        seconds, _ = _timed(lambda: engine.one(count), repeat=2)
        correct = engine.one(count.replace("numbers", f"(FROM numbers LIMIT {len(sample)})")) == expected
    return Measure(
        "NHS number check digits in SQL",
        n / seconds,
        "numbers/s",
        peer="Python",
        peer_value=peer,
        correct=correct,
    )


def _index(people: int) -> list[Measure]:
    """Two sources of the same people: a third of the second's rows lack the birth date, a tenth the NHS number."""
    with Engine() as engine, tempfile.TemporaryDirectory() as folder:
        engine.execute(nhs_number.SQL_MACRO)
        engine.execute(f"""
            CREATE TABLE person AS
            SELECT row_number() OVER (ORDER BY n) AS id, CAST(n AS VARCHAR) AS nhs,
                   DATE '1930-01-01' + CAST(hash(n) % 30000 AS INTEGER) AS born,
                   CASE hash(n) % 2 WHEN 0 THEN 'F' ELSE 'M' END AS sex, 'family' || hash(n) % 5000 AS family
            FROM (SELECT 4000000000 + range AS n FROM range({people * 14})) WHERE nhs_number_valid(CAST(n AS VARCHAR))
            ORDER BY n LIMIT {people}""")
        engine.execute("""
            CREATE TABLE patients AS
            SELECT 'epr' AS source, 'a' || id AS record_id, nhs AS nhs_number, 'H' || id AS local_number,
                   family AS family_name, CAST(NULL AS VARCHAR) AS given_name, CAST(NULL AS VARCHAR[]) AS former_names,
                   sex, born AS birth_date FROM person
            UNION ALL
            SELECT 'tissue', 'b' || id, CASE WHEN id % 10 = 0 THEN NULL ELSE nhs END, 'H' || id, NULL, NULL, NULL, sex,
                   CASE WHEN id % 3 = 1 AND id % 10 <> 0 THEN NULL ELSE born END FROM person""")
        seconds, (result, _) = _timed(
            lambda: link(engine, "patients", previous=Path(folder) / "person_index.parquet"), repeat=1
        )
        wrong = engine.one("""
            SELECT count(*) FROM (
                SELECT person_key, count(DISTINCT substr(record_id, 2)) AS people, count(*) AS records
                FROM identity_index GROUP BY person_key) WHERE people <> 1 OR records <> 2""")
    linked = result.linked / max(1, result.records)
    return [
        Measure("records linked by the cascade", result.records / seconds, "records/s", correct=wrong == 0),
        Measure("records linked of those that have a partner", linked, "", target=1.0, correct=wrong == 0),
    ]
