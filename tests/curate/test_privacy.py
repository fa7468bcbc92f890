"""Who said no is nowhere in a release, and nobody's identifiers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.curate import Release, build_release, open_release, verify_release
from lockgate.identity import pseudonymise_ints
from lockgate.schema import RELEASE
from lockgate.site import Site

DAY = date(2026, 11, 1)
IDENTIFYING = (
    "nhs_number",
    "local_number",
    "family_name",
    "given_name",
    "address_line",
    "city",
    "postcode",
    "phone",
    "email",
)


def _texts(folder: Path) -> Iterator[str]:
    """Every string of a release: the decoded values of its Parquet files, and the bytes of all its files."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        yield path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            for name in table.column_names:
                yield "\n".join(str(value) for value in table.column(name).unique().to_pylist())


def test_nothing_identifiable_is_in_a_release(hospital: Site, release: Release) -> None:
    (staged,) = hospital.staged.glob("b1/patient.parquet")
    values: set[str] = set()
    for row in pq.read_table(staged).to_pylist():
        for column in IDENTIFYING:
            value = row[column]
            values.update(value if isinstance(value, list) else [value] if value else [])
        values.add(row["birth_date"].isoformat())
    values |= {"Pemberley", "C7654321", "LOT-77"}
    assert len(values) > 20
    found = {value for text in _texts(release.path) for value in values if value in text}
    assert found == set()


def test_who_opted_out_is_absent_everywhere(hospital: Site, release: Release) -> None:
    index = pq.read_table(hospital.staged / "index" / "person_index.parquet").to_pylist()
    ben = next(row["person_key"] for row in index if row["record_id"] == "ben")
    (pseudonym,) = pseudonymise_ints(
        pa.array([ben], pa.int64()), hospital.key("release/ids"), "person"
    ).tolist()
    for name in release.tables:
        table = pq.read_table(release.table_path(name))
        if "person_id" in table.column_names:
            assert pseudonym not in table.column("person_id").to_pylist(), name
    assert release.tables["person"] == 2
    assert release.manifest["accounting"]["patient"]["opted_out"] == 1


def test_who_opted_out_of_some_purposes_is_kept_apart_for_the_others(
    hospital: Site, release: Release
) -> None:
    people = pq.read_table(release.path / "limited" / "people.parquet").to_pylist()
    assert [row["purposes"] for row in people] == ["clinical_analytics research service_evaluation"]
    (ben,) = (row["person_id"] for row in people)
    apart = {name: pq.read_table(release.limited_path(name)) for name in release.manifest["limited"]}
    assert {"person", "condition_occurrence", "person_deprivation"} < set(apart)
    assert {who for table in apart.values() for who in table.column("person_id").to_pylist()} == {ben}
    assert verify_release(hospital, release.number) == []
    (release.path / "limited" / "person.parquet").write_bytes(b"other")
    assert [problem.file for problem in verify_release(hospital, release.number)] == [
        "limited/person.parquet"
    ]


def test_a_new_opt_out_means_a_new_release_without_the_person(hospital: Site, stage: Any) -> None:
    stage(
        hospital,
        "b2",
        objection=[
            {
                "id": "o2",
                "nhs_number": "9434765919",
                "kind": "local_objection",
                "from_date": date(2026, 10, 1),
            }
        ],
    )
    result = build_release(hospital, actor="test", at=DAY)
    assert result.tables["person"] == 1
    assert result.tables["visit_occurrence"] == 0
    assert result.manifest["accounting"]["condition"]["opted_out"] == 7


def test_an_objection_that_ended_no_longer_counts(hospital: Site, stage: Any) -> None:
    stage(
        hospital,
        "b2",
        objection=[
            {
                "id": "o1",
                "nhs_number": "9434765870",
                "kind": "national_data_opt_out",
                "from_date": date(2020, 1, 1),
                "until_date": date(2026, 5, 1),
                "version_at": datetime(2026, 10, 2),
            }
        ],
    )
    assert build_release(hospital, actor="test", at=DAY).tables["person"] == 3


def test_withheld_columns_are_empty(release: Release) -> None:
    for name in release.tables:
        table = pq.read_table(release.table_path(name))
        for column in RELEASE[name]:
            if column.role == "withheld":
                assert table.column(column.name).null_count == table.num_rows, (name, column.name)


def test_every_released_column_has_a_role() -> None:
    without = [
        (table, column.name) for table, columns in RELEASE.items() for column in columns if not column.role
    ]
    assert without == []


@pytest.mark.parametrize("people, carried", [(9, False), (10, True)])
def test_free_words_are_carried_from_ten_people_on(
    site: Site, stage: Any, rows_of: Callable[..., list[tuple[Any, ...]]], people: int, carried: bool
) -> None:
    stage(
        site,
        patient=[{"id": f"p{n}", "birth_date": date(1970, 4, 22)} for n in range(people)],
        result=[
            {
                "id": f"r{n}",
                "patient_ref": f"p{n}",
                "code": "SMK",
                "value_text": "never smoked",
                "effective_at": datetime(2026, 1, 1),
            }
            for n in range(people)
        ],
    )
    release = open_release(site, build_release(site, actor="test", at=DAY).release)
    assert set(rows_of(release, "measurement", "value_source_value")) == {
        ("never smoked" if carried else None,)
    }


def test_people_without_a_birth_date_are_counted_not_carried(site: Site, stage: Any) -> None:
    stage(
        site,
        patient=[{"id": "p"}, {"id": "q", "birth_date": date(1970, 4, 22)}],
        condition=[{"id": "c", "patient_ref": "p", "code": "X", "start_at": datetime(2026, 1, 1)}],
    )
    result = build_release(site, actor="test", at=DAY)
    assert result.tables["person"] == 1
    assert result.manifest["accounting"]["condition"]["not_carried"] == {"person_without_birth_year": 1}


def test_what_is_no_code_is_not_carried_as_one(
    site: Site, stage: Any, rows_of: Callable[..., list[tuple[Any, ...]]]
) -> None:
    codes = ["9434765919", "H100001", "a@b.example", "pain told by his wife Jane", "LOCAL-7"]
    stage(
        site,
        patient=[
            {
                "id": "p",
                "birth_date": date(1970, 4, 22),
                "nhs_number": "9434765919",
                "local_number": "H100001",
            }
        ],
        condition=[
            {"id": f"c{n}", "patient_ref": "p", "code": code, "start_at": datetime(2026, 1, 1)}
            for n, code in enumerate(codes)
        ],
    )
    release = open_release(site, build_release(site, actor="test", at=DAY).release)
    found = rows_of(release, "condition_occurrence", "condition_source_value")
    assert sorted(found, key=str) == [("LOCAL-7",), (None,), (None,), (None,), (None,)]
    assert release.manifest["codes_withheld"] == 4


def test_a_number_among_units_and_names_of_places_is_not_carried(
    site: Site, stage: Any, rows_of: Callable[..., list[tuple[Any, ...]]]
) -> None:
    number = {"nhs_number": "9434765919", "local_number": "12"}
    units = ["9434765919", "see 943 476 5919", '{"9434765919": 1}', "mg/12", "mg"]
    stage(
        site,
        patient=[{"id": "p", "birth_date": date(1970, 4, 22), **number}],
        location=[
            {"id": "l1", "name": "Home of 9434765919", "kind": "ward"},
            {"id": "l2", "name": "Ward 12", "kind": "ward"},
        ],
        result=[
            {
                "id": f"r{n}",
                "patient_ref": "p",
                "code": "8867-4",
                "value_number": 1.0,
                "unit": unit,
                "effective_at": datetime(2026, 1, 1),
            }
            for n, unit in enumerate(units)
        ],
    )
    release = open_release(site, build_release(site, actor="test", at=DAY).release)
    found = {row[0] for row in rows_of(release, "measurement", "unit_source_value")}
    assert found == {None, "mg", "mg/12"}
    assert {row[0] for row in rows_of(release, "care_site", "care_site_name")} == {None, "Ward 12"}


@pytest.mark.parametrize(("places", "kept"), [("region", set()), ("outward", {"NW9"}), ("lsoa", {"NW9"})])
def test_places_as_fine_as_the_site_says(hospital: Site, places: str, kept: set[str]) -> None:
    settings = hospital.path / "site.toml"
    settings.write_text(settings.read_text().replace("[deidentify]", f'[deidentify]\nplaces = "{places}"'))
    result = build_release(Site.open(hospital.path), actor="test", at=DAY)
    table = pq.read_table(result.path / "linked" / "person_deprivation.parquet")
    limited = pq.read_table(result.path / "limited" / "person_deprivation.parquet")
    outward = {*table.column("outward_code").to_pylist(), *limited.column("outward_code").to_pylist()} - {
        None
    }
    assert outward == kept
    if places != "lsoa":
        assert table.column("lsoa21_code").null_count == table.num_rows
