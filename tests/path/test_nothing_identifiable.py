"""Every byte outside the identifiable zones, searched for every identifying value of every invented patient."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.demo.search import identifying_values, search


def people(demo) -> pa.Table:
    return pq.read_table(demo.folder / "hospital" / "truth" / "people.parquet")


def values(demo) -> list[tuple[str, str]]:
    return sorted(set(identifying_values(people(demo))))


def test_the_truth_lists_every_kind(demo) -> None:
    kinds = {kind for kind, _ in values(demo)}
    assert {
        "NHS number",
        "name",
        "address line",
        "postcode",
        "telephone",
        "birth date",
        "hospital number",
    } <= kinds
    assert people(demo).num_rows >= 400


@pytest.mark.parametrize("zone", ["releases", "projects", "register", "audit"])
def test_zone_holds_nothing_identifiable(demo, zone: str) -> None:
    hits = [
        (hit.kind, str(hit.file.relative_to(demo.folder)), hit.place)
        for hit in search([demo.folder / zone], values(demo))
    ]
    assert hits == []


def test_the_search_finds_what_is_there(demo) -> None:
    """The same search in an identifiable zone finds them: it is no check that always passes."""
    found = {hit.kind for hit in search([demo.folder / "staged"], values(demo))}
    assert {"NHS number", "address line", "postcode", "telephone", "hospital number"} <= found


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
def test_the_search_finds_a_planted_value(demo, tmp_path: Path, suffix: str) -> None:
    kind, value = next((kind, value) for kind, value in values(demo) if kind == "name")
    text = f"seen in clinic: {value.upper()}, well."
    if suffix == ".txt":
        (tmp_path / "log.txt").write_text(text)
    else:
        pq.write_table(pa.table({"note_text": [text]}), tmp_path / "note.parquet", compression="zstd")
    assert {hit.kind for hit in search([tmp_path], values(demo))} == {kind}
