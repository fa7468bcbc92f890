"""One site, two engines, one release."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.capture import capture_fhir, capture_tables
from lockgate.cli import run
from lockgate.curate import Release, build_release, diff_releases, open_release
from lockgate.curate.linkage import read_linkage
from lockgate.engine import Engine, SqlEngine
from lockgate.engine.portable import statements
from lockgate.engine.session import missing
from lockgate.schema import Column
from lockgate.site import Site
from lockgate.synthetic import generate

DAY = date(2026, 6, 1)
TIETAI = Path(__file__).resolve().parents[3] / "shared" / "data" / "fhir" / "tietai-20-patients"
# Spark for few rows: no compiling of queries and little of Java itself, one partition, stages planned once
SMALL = """
[engine]
memory_limit = "3GB"
[engine.spark_settings]
"spark.sql.codegen.factoryMode" = "NO_CODEGEN"
"spark.sql.codegen.wholeStage" = "false"
"spark.sql.adaptive.enabled" = "false"
"spark.sql.shuffle.partitions" = "1"
"spark.driver.extraJavaOptions" = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""


class Portable(SqlEngine):
    """DuckDB, refusing what Spark would not run: needs no Java."""

    def __init__(self, **options: Any) -> None:
        self.duckdb = Engine(**options)
        self.asked = 0

    name = "portable"

    @property
    def local(self) -> Engine:
        return self.duckdb

    def close(self) -> None:
        self.duckdb.close()

    def _told(self, sql: str) -> str:
        assert statements(sql)
        self.asked += 1
        return sql

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        self.duckdb.execute(self._told(sql), params)

    def rows(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        return self.duckdb.rows(self._told(sql), params)

    def arrow(self, sql: str, params: Sequence[Any] | None = None) -> pa.Table:
        return self.duckdb.arrow(self._told(sql), params)

    def columns(self, sql: str) -> list[str]:
        return self.duckdb.columns(self._told(sql))

    def register(self, name: str, table: pa.Table) -> None:
        self.duckdb.register(name, table)

    def unregister(self, name: str) -> None:
        self.duckdb.unregister(name)

    def view_parquet(
        self,
        name: str,
        paths: Path | Iterable[Path],
        columns: Sequence[Column] | None = None,
        *,
        alike: bool = False,
    ) -> None:
        self.duckdb.view_parquet(name, paths, columns, alike=alike)

    def write_parquet(
        self, sql: str, path: Path, *, order_by: str | None = None, level: int | None = None
    ) -> int:
        return self.duckdb.write_parquet(self._told(sql), path, order_by=order_by, level=level)


def test_all_of_curation_is_sql_that_spark_has_words_for(
    hospital: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgate.engine.Engine", Portable)
    result = build_release(hospital, actor="test", at=DAY)
    assert result.manifest["engine"] == "portable"


def more_rows(site: Site, stage: Callable[..., None]) -> None:
    """What the small site lacks: images and letters, of somebody kept apart too, and a second record of one person."""
    told = {"status": "final", "patient_ref": "ada"}
    stage(
        site, "b2",
        imaging_study=[
            {**told, "id": "i1", "encounter_ref": "e1", "started_at": datetime(2026, 1, 3, 9), "modality": "CT",
             "code_system": "SNOMED", "code": "77477000", "accession": "A1", "series": 2, "instances": 80},
            {**told, "id": "i2", "patient_ref": "ben", "started_at": datetime(2026, 1, 4, 9), "modality": "MR"},
        ],
        document=[
            {**told, "id": "d1", "encounter_ref": "e1", "authored_at": datetime(2026, 1, 4, 10),
             "content_type": "text/plain", "text": "Adaline Quillfeather had chest pain.", "practitioner_ref": "dr"},
            {**told, "id": "d2", "patient_ref": "ben", "authored_at": datetime(2026, 1, 4, 11),
             "content_type": "text/plain", "text": "Mr Thistlewood did not attend."},
        ],
    )  # fmt: skip
    stage(
        site, "b3", source="gp",
        patient=[
            {"id": "g1", "nhs_number": "9434765919", "family_name": "Quillfeather", "given_name": "Ada", "sex": "F",
             "birth_date": date(1950, 6, 17), "ethnicity_system": "NHS", "ethnicity_code": "J", "postcode": "NW9 4QX"},
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def both(
    require: Callable[[bool, str], None],
    built: Site,
    stage: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Site, Release, Release]:
    """A site built on both engines: a small one of every clinical table.

    With LOCKGATE_SPARK_FULL=1 (minutes of CPU time) a synthetic hospital and the shared FHIR patients instead.
    """
    lacking = missing()
    require(lacking is None, f"Spark ({lacking})")
    folder = tmp_path_factory.mktemp("both")
    full = os.environ.get("LOCKGATE_SPARK_FULL") == "1"
    if full:
        site = Site.init(folder / "site", name="Both", seed="both")
    else:
        site = Site.open(shutil.copytree(built.path, folder / "site"))
    with (site.path / "site.toml").open("a", encoding="utf-8") as config:
        config.write(SMALL)
    site = Site.open(site.path)
    if full:
        generate(folder / "files", 50, 5)
        capture_fhir(site, folder / "files" / "fhir", actor="test")
        capture_tables(site, folder / "files" / "tables", actor="test")
        capture_fhir(site, TIETAI, actor="test", source="tietai")
    else:
        more_rows(site, stage)
    first = build_release(site, actor="test", at=DAY, on="duckdb")
    second = build_release(site, actor="test", at=DAY, on="spark")
    return site, open_release(site, first.release), open_release(site, second.release)


@pytest.mark.slow
def test_releases_of_both_engines_are_equal_row_for_row(both: tuple[Site, Release, Release]) -> None:
    site, duckdb, spark = both
    assert duckdb.manifest["engine"].startswith("duckdb 2")
    assert spark.manifest["engine"].startswith("spark 4")
    assert min(
        duckdb.tables[name] for name in ("person", "measurement", "condition_occurrence", "visit_detail")
    )
    assert duckdb.tables == spark.tables
    for name in duckdb.tables:
        assert pq.read_table(duckdb.table_path(name)).equals(pq.read_table(spark.table_path(name))), name
    assert [change.table for change in diff_releases(duckdb, spark) if not change.same] == []
    assert list((site.staged / ".spill").iterdir()) == []


@pytest.mark.slow
def test_what_is_kept_apart_and_the_linkage_report_are_equal(both: tuple[Site, Release, Release]) -> None:
    _, duckdb, spark = both
    kept = set(duckdb.manifest["limited"])
    assert {"people", "person", "note", "visit_occurrence"} <= kept == set(spark.manifest["limited"])
    for name in kept:
        one, other = (pq.read_table(release.limited_path(name) or "") for release in (duckdb, spark))
        assert one.num_rows and one.equals(other), name
    one, other = (read_linkage(release.path, release.manifest) for release in (duckdb, spark))
    assert one == other and one and one["tables"]["source"] and one["steps"]
    assert min(duckdb.tables[name] for name in ("note", "imaging_study")) >= 1


@pytest.mark.slow
def test_accounts_and_quality_are_equal(both: tuple[Site, Release, Release]) -> None:
    _, duckdb, spark = both
    apart = {"release", "engine", "created_at", "linkage"}
    told = [
        {part: value for part, value in release.manifest.items() if part not in apart}
        for release in (duckdb, spark)
    ]
    assert json.dumps(told[0], sort_keys=True) == json.dumps(told[1], sort_keys=True)


@pytest.mark.slow
def test_a_user_sees_that_no_row_differs(
    both: tuple[Site, Release, Release], capsys: pytest.CaptureFixture[str]
) -> None:
    site, duckdb, spark = both
    assert run(["--site", str(site.path), "release", "diff", duckdb.number, spark.number]) == 0
    assert capsys.readouterr().out.startswith("0 rows differ; ")


def test_diff_counts_the_rows_that_only_one_has(release: Release, tmp_path: Path) -> None:
    changed = Release("2026.2", Path(shutil.copytree(release.path, tmp_path / "2026.2")), release.manifest)
    path = changed.table_path("measurement")
    rows = pq.read_table(path)
    pq.write_table(rows.slice(1).append_column("extra", pa.nulls(rows.num_rows - 1)), path)
    told = json.loads(json.dumps(release.manifest))
    told["tables"]["measurement"] |= {"sha256": "another", "rows": rows.num_rows - 1}
    (change,) = [
        change for change in diff_releases(release, Release("2026.2", changed.path, told)) if not change.same
    ]
    assert (change.gone, change.new, change.columns) == (1, 0, ("extra",))
