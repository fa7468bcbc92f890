"""A folder of OMOP tables is opened however its files are laid out, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.engine import Engine
from lockgate.engine.omop import find_omop, open_omop, view_tables
from lockgate.errors import UsageError

WANTED = {
    "person": {"person_id": "BIGINT", "year_of_birth": "BIGINT"},
    "death": {"person_id": "BIGINT", "death_date": "DATE"},
}


def _write(path: Path, **columns: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    "names",
    [
        ["person.parquet"],
        ["PERSON.parquet"],
        ["Person/a.parquet", "Person/b.parquet"],
        ["person.parquet/part-0.parquet"],
    ],
)
def test_layouts_and_case(tmp_path: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        _write(tmp_path / name, PERSON_ID=[number * 2 + 1, number * 2 + 2], Extra=["x", "y"])
    with Engine() as engine:
        absent = open_omop(engine, tmp_path, WANTED, needed=["person"])
        assert absent == ["person.year_of_birth", "death"]
        ids = [row[0] for row in engine.rows("SELECT person_id FROM person ORDER BY 1")]
        assert ids == list(range(1, 2 * len(names) + 1))
        assert engine.rows("SELECT count(*), count(year_of_birth) FROM person") == [(len(ids), 0)]
        assert engine.rows("SELECT * FROM death") == []
        view_tables(engine, find_omop(tmp_path))
        assert engine.columns("SELECT * FROM person") == ["person_id", "extra"]


def test_files_that_hold_other_columns_are_read_together(tmp_path: Path) -> None:
    _write(tmp_path / "person" / "a.parquet", person_id=[1])
    _write(tmp_path / "person" / "b.parquet", person_id=[2], year_of_birth=[1950])
    with Engine() as engine:
        assert open_omop(engine, tmp_path, {"person": WANTED["person"]}) == []
        assert engine.rows("SELECT * FROM person ORDER BY 1") == [(1, None), (2, 1950)]


def test_what_cant_be_opened_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        find_omop(tmp_path / "nowhere")
    with Engine() as engine, pytest.raises(UsageError, match=r"no person\.parquet"):
        open_omop(engine, tmp_path, WANTED, needed=["person"])
    (tmp_path / "death.parquet").write_text("no parquet")
    with pytest.raises(UsageError, match="not a readable Parquet file") as told:
        find_omop(tmp_path)
    assert "death.parquet" in told.value.where
    _write(tmp_path / "death.parquet", person_id=[1], PERSON_ID=[1])
    with pytest.raises(UsageError, match="twice"):
        find_omop(tmp_path)
    _write(tmp_path / "death.parquet", person_id=[1])
    _write(tmp_path / "DEATH.parquet", person_id=[1])
    with pytest.raises(UsageError, match="the table death is there twice"):
        find_omop(tmp_path)
