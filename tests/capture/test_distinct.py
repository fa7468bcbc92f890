"""Columns worked out over distinct values are those worked out row by row; deep types; hashes that came before."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lockgate.capture import batches, capture_fhir, fhir, list_held
from lockgate.capture.fhir import evaluate
from lockgate.capture.fhir.plan import plan
from lockgate.capture.fhir.shape import shapes
from lockgate.capture.lines import item_hash, places_of, read_chunks
from lockgate.capture.seen import Seen, keys_of
from lockgate.engine import Engine, literal
from lockgate.site import Site

from .conftest import encounter, observation, patient, write

LOINC = {"system": "http://loinc.org", "code": "8867-4"}


def _resources() -> list[dict[str, object]]:
    """Resources alike in much and different in some, so that groups are shared and not whole."""
    seen: list[dict[str, object]] = [patient(n, gender=("male", "female")[n % 2]) for n in range(3)]
    seen += [encounter(n, of=f"Patient/p{n % 3}") for n in range(4)]
    for number in range(60):
        changes: dict[str, object] = {"encounter": {"reference": f"Encounter/e{number % 4}"}}
        if number % 5 == 0:
            changes = {"valueQuantity": None, "valueString": f"text {number % 2}"}
        if number % 7 == 0:
            part = {"code": {"coding": [LOINC]}, "valueQuantity": {"value": number % 3, "unit": "x"}}
            changes = {"valueQuantity": None, "component": [part, {**part, "valueQuantity": None}]}
        if number % 11 == 0:
            changes["status"] = "entered-in-error"
        if number % 13 == 0:
            changes["effectiveDateTime"] = "2021-02-30"
        if number % 17 == 0:
            changes["meta"] = {"lastUpdated": f"2024-05-0{1 + number % 9}T10:00:00+01:00"}
        seen.append(observation(number, of=f"Patient/p{number % 3}", **changes))
    return seen


def _rows(site: Site) -> dict[str, list[tuple[object, ...]]]:
    (batch,) = batches(site)
    with Engine(threads=1) as engine:
        rows = {
            path.stem: engine.rows(
                f"SELECT * EXCLUDE (batch_id, version_at) FROM read_parquet({literal(path)}) ORDER BY ALL"
            )
            for path in batch.staged.glob("*.parquet")
        }
        rows["faults"] = engine.rows(
            f"SELECT item_hash, reason FROM read_parquet({literal(batch.quarantine)})"
        )
    return rows


def test_distinct_values_give_the_rows_that_each_row_gives(tmp_path: Path, monkeypatch) -> None:
    path = write(tmp_path / "all.ndjson", *_resources())
    found = []
    for few in (0, 10_000):
        monkeypatch.setattr(evaluate, "FEW", few)
        site = Site.init(tmp_path / f"site{few}", name="Test")
        capture_fhir(site, path, actor="test")
        found.append(_rows(site))
    assert found[0] == found[1]
    assert len(found[0]["result"]) > 50
    assert {reason for _, reason in found[0]["faults"]} == {"impossible-date"}


@pytest.mark.parametrize("many", [20_000, 3])
def test_portions_that_share_texts_give_the_rows_of_one_portion(
    tmp_path: Path, monkeypatch, many: int
) -> None:
    monkeypatch.setattr(evaluate, "FEW", 0)
    monkeypatch.setattr(evaluate, "MANY", many)
    resources = _resources()
    path = write(tmp_path / "all.ndjson", *resources)
    for number in range(0, len(resources), 9):
        write(tmp_path / "parts" / f"{number:03}.ndjson", *resources[number : number + 9])
    whole, parts = Site.init(tmp_path / "whole", name="Test"), Site.init(tmp_path / "apart", name="Test")
    capture_fhir(whole, path, actor="test")
    monkeypatch.setattr(fhir, "read_chunks", partial(read_chunks, chunk_bytes=1))
    capture_fhir(parts, tmp_path / "parts", actor="test")
    assert _rows(whole) == _rows(parts)


@pytest.mark.parametrize("kind", sorted(shapes()))
def test_every_mapping_is_followed_to_its_elements(kind: str) -> None:
    """No column of a plain SELECT needs an element that its shape doesn't have, and none needs them all."""
    for table, arms in plan(kind).tables.items():
        for arm in arms:
            if arm.plain:
                needed = frozenset().union(*arm.columns.values())
                known = {*shapes()[kind].top, "source", "record_id", "version_at", "item_hash", "batch_id"}
                assert needed <= known, (table, needed - known)


def test_types_are_checked_all_the_way_down(site: Site, tmp_path: Path) -> None:
    deep = {"code": {"coding": [LOINC, {"system": "x", "code": 7}]}}
    write(tmp_path / "all.ndjson", patient(), observation(1, **deep), observation(2))
    assert capture_fhir(site, tmp_path / "all.ndjson", actor="test").reasons == {"wrong-type": 1}
    (held,) = list_held(site)[1]
    assert held.detail == "code.coding[1].code must be text"


def test_what_came_before_is_found_and_nothing_else() -> None:
    hashes = [item_hash(str(number).encode()) for number in range(5000)]
    same_half = hashes[0][:16] + hashes[1][16:]
    seen = Seen()
    for start in range(0, 4000, 700):
        keys = keys_of(pa.array(hashes[start : min(start + 700, 4000)]))
        seen.add(keys, np.full(len(keys), seen.code("A"), np.int16))
    seen.add(keys_of(pa.array([same_half])), np.array([seen.code("B")], np.int16))
    found = seen.find(keys_of(pa.array([*hashes, same_half])))
    assert (found[:4000] == seen.code("A")).all()
    assert (found[4000:5000] == -1).all()
    assert found[5000] == seen.code("B")


def test_first_places_and_bytes() -> None:
    hashes = [item_hash(b"a"), item_hash(b"b"), item_hash(b"a"), item_hash(b"c"), item_hash(b"b")]
    assert keys_of(pa.array(hashes)).first_places().tolist() == [0, 1, 0, 3, 1]
    for text in (b"", b"\n", b"abc\ndef\n", b"\n" * 17, b"x" * 40 + b"\n" + b"y"):
        data = np.frombuffer(text, np.uint8)
        assert places_of(data, 10).tolist() == np.flatnonzero(data == 10).tolist()
