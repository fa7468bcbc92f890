"""What a job's audit entry says of the tables and columns that its code touches."""

from __future__ import annotations

from pathlib import Path

from lockgate.workspace.touching import touched_by

TABLES = {"person": ("person_id", "year_of_birth"), "death": ("person_id", "death_date")}


def test_sql_is_followed_and_other_code_may_read_all(tmp_path: Path) -> None:
    (tmp_path / "main.sql").write_text(
        "-- output: x counts=n\nSELECT count(*) AS n FROM person WHERE year_of_birth < 1950;"
    )
    assert touched_by(tmp_path, TABLES) == {"touched": {"person": ["year_of_birth"]}, "touched_by": "sql"}
    (tmp_path / "more.sql").write_text("SELECT what FROM (")
    everything = {"death": ["death_date", "person_id"], "person": ["person_id", "year_of_birth"]}
    assert touched_by(tmp_path, TABLES) == {"touched": everything, "touched_by": "granted"}
    (tmp_path / "more.sql").unlink()
    (tmp_path / "step.py").write_text("print(1)")
    assert touched_by(tmp_path, TABLES) == {"touched": everything, "touched_by": "granted"}
