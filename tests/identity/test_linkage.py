"""Two tables, or one, linked: what must be found, what must be refused, and that nothing blows up."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from lockgate.bench.hard import ARCHIVE, PARISH, SPELLINGS, HardSet, compare
from lockgate.bench.linkage import People, f1, pair_scores, registers
from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.identity.linkage import Options, deterministic, link_tables, parse_map
from lockgate.identity.linkage.resolve import contract

MAP = "given_name=given,family_name=family,birth_date=born,postcode=postcode,sex=sex"


def _link(
    left: Path, right: Path | None, mapping: str, folder: Path, **options: Any
) -> tuple[dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    out = folder / "links.parquet"
    with Engine() as engine:
        found = link_tables(engine, left, right, "id", parse_map(mapping), out, options=Options(**options))
        pairs = engine.rows("FROM read_parquet($1)", [str(out)])
        clusters = engine.rows("FROM read_parquet($1)", [found.as_dict()["clusters_out"]])
    return found.as_dict(), pairs, clusters


def _write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return registers(tmp_path_factory.mktemp("people"), people=250, seed=3)


def test_two_tables(people: People, tmp_path: Path) -> None:
    report, pairs, clusters = _link(
        people.left, people.right, MAP + ",nhs_number=nhs", tmp_path, model_out=tmp_path / "model.json",
        review=tmp_path / "review.parquet",
    )  # fmt: skip
    precision, recall = pair_scores([(a, b) for a, b, *_ in pairs], people.true_links)
    assert precision > 0.98 and recall > 0.95, (precision, recall)
    exact = [(a, b) for a, b, _, step in pairs if step == "nhs_number+birth_date"]
    assert exact and not set(exact) - people.true_links
    # one partner at most, and one cluster number a record
    assert len({a for a, *_ in pairs}) == len(pairs) == len({b for _, b, *_ in pairs})
    assert len(clusters) == sum(report["rows"].values())
    number = {(side, ident): cluster for side, ident, cluster in clusters}
    assert all(number["left", a] == number["right", b] for a, b, *_ in pairs)
    assert report["clusters"] == len(clusters) - len(pairs) == len(set(number.values()))
    assert (tmp_path / "links.parquet").stat().st_mode & 0o777 == 0o600


def test_a_kept_model_gives_the_same_answer(people: People, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    first, pairs, _ = _link(people.left, people.right, MAP, tmp_path, model_out=model)
    kept = json.loads(model.read_text())
    assert kept["version"] == 1 and kept["provenance"]["training"] and kept["settings"]["comparisons"]
    again, same, _ = _link(people.left, people.right, MAP, tmp_path, model=model)
    assert same == pairs and again["prior"] == first["prior"]
    with pytest.raises(UsageError, match="the model compares"):
        _link(people.left, people.right, MAP.replace(",sex=sex", ""), tmp_path, model=model)
    model.write_text("{}")
    with pytest.raises(UsageError, match="is no model"):
        _link(people.left, people.right, MAP, tmp_path, model=model)


def test_many_equal_rows_make_no_blow_up(people: People, tmp_path: Path) -> None:
    lines = people.left.read_text().splitlines()
    copy = lines[1].split(",", 1)[1]
    rows = [*lines[1:], *(f"copy{n},{copy}" for n in range(20_000))]
    table = _write(tmp_path / "copies.csv", lines[0], rows)
    report, pairs, clusters = _link(table, None, MAP, tmp_path)
    assert report["largest_group_of_equal_rows"] == 20_001
    assert report["largest_cluster"] >= 20_001 and report["clusters_written_as_a_star"] == 1
    assert report["pairs_compared"] < 600_000 and len(pairs) < 25_000
    assert len(clusters) == len(rows)
    # nobody else is drawn in
    number = dict(clusters)
    assert sum(c == number["copy0"] for c in number.values()) <= 20_003


@pytest.mark.parametrize(
    ("header", "rows", "mapping", "says"),
    [
        ("id,a", ["1,x", "2,x", "3,x"], "given_name=a", "one value in every row"),
        ("id,born", ["1,", "2,", "3,unknown"], "birth_date=born", "nothing in it could be read"),
        ("id,s", [f"{n},{'MF'[n % 2]}" for n in range(99)], "sex=s", "1.0 bits"),
        ("id,a,b", [f"{n},same,F" for n in range(20_000)], "given_name=a,sex=b", "one value in every row"),
    ],
)
def test_no_usable_column(header: str, rows: list[str], mapping: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no usable column") as refusal:
        _link(_write(tmp_path / "t.csv", header, rows), None, mapping, tmp_path)
    assert says in " ".join(refusal.value.reasons)
    assert not (tmp_path / "links.parquet").exists()


@pytest.mark.parametrize(
    ("rows", "mapping", "says"),
    [
        (["1,ann,03/04/1950", "2,bea,05/06/1960"], "given_name=name,birth_date=born", "in two ways"),
        (
            ["1,ann,23/04/1950", "2,bea,05/26/1960"],
            "given_name=name,birth_date=born",
            "and dates with the month",
        ),
        (["1,ann,1950-01-01", "1,bea,1960-01-01"], "given_name=name", "is no identifier"),
        (["1,ann,1950-01-01", ",bea,1960-01-01"], "given_name=name", "is no identifier"),
        (["1,ann,1950-01-01"], "given_name=nowhere", "has no column nowhere"),
        (["1,ann,1950-01-01"], "famly_name=name", "did you mean family_name"),
        (["1,ann,1950-01-01"], "shoe=name", "no key of a map"),
        (["1,ann,1950-01-01"], "given_name", "no key=COLUMN"),
        (["1,ann,1950-01-01"], "given_name=name,first_name=name", "twice"),
        ([], "given_name=name", "has no rows"),
    ],
)
def test_what_is_not_understood_is_said(rows: list[str], mapping: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(LockgateError, match=says):
        _link(_write(tmp_path / "t.csv", "id,name,born", rows), None, mapping, tmp_path)


def test_another_schema_needs_its_own_map(people: People, tmp_path: Path) -> None:
    lines = people.right.read_text().splitlines()
    header = lines[0].replace("id,", "ref,").replace("given", "vorname").replace("born", "dob")
    other = _write(tmp_path / "other.csv", header, lines[1:])
    with pytest.raises(UsageError, match="has no column"):
        _link(people.left, other, MAP, tmp_path)
    with Engine() as engine:
        found = link_tables(
            engine, people.left, other, "id", parse_map(MAP), tmp_path / "links.parquet",
            mapping_right=parse_map(MAP.replace("=given", "=vorname").replace("=born", "=dob"), "--map-right"),
            options=Options(id_right="ref"),
        )  # fmt: skip
    assert found.as_dict()["pairs"] > 120


@pytest.mark.parametrize(
    ("hard", "people", "least"), [(SPELLINGS, 150, 0.9), (ARCHIVE, 120, 0.9), (PARISH, 200, 0.65)]
)
def test_hard_sets_are_linked_better_than_by_the_documented_model(
    hard: HardSet, people: int, least: float, tmp_path: Path
) -> None:
    scores = compare(hard, people, 4, tmp_path)
    assert f1(*scores["ours"]) > max(least, f1(*scores["peer"]) + 0.05)


def test_a_chain_of_likely_pairs_is_no_cluster() -> None:
    # two tight groups with one likely pair between them, and the other pairs across unlike
    groups = [(1, 2, 3), (4, 5, 6)]
    edges = [(a, b, 9.0) for group in groups for a, b in combinations(group, 2)]
    edges += [(a, b, 1.5 if (a, b) == (3, 4) else -2.0) for a in groups[0] for b in groups[1]]
    found = contract(edges)
    assert len(set(found.values())) == 2 and found[1] == found[2] == found[3] != found[4]


def test_a_father_and_his_son_are_two_whatever_undated_records_say() -> None:
    father, son, undated = (1, 2, 3), (4, 5), (6, 7)
    edges = [(a, b, 12.0) for a, b in combinations(range(1, 8), 2)]  # all else is alike
    born = dict.fromkeys(father, (1740, 0)) | dict.fromkeys(son, (1773, 0))
    assert len(set(contract(edges).values())) == 1
    found = contract(edges, born)
    assert len({found[n] for n in father}) == len({found[n] for n in son}) == 1 and found[1] != found[4]
    assert {found[n] for n in undated} <= {found[1], found[4]}
    # a slip in one record's year parts nobody
    assert len(set(contract(edges, born | {5: (1740, 0), 4: (1704, 0)}).values())) == 1
    # nor does a wrong year on the same day of it, nor one that the evidence has counted
    day = dict.fromkeys(father, (1740, 312)) | dict.fromkeys(son, (1773, 312))
    assert len(set(contract(edges, day).values())) == 1
    assert len(set(contract(edges, born | dict.fromkeys(undated, (1740, 0))).values())) == 1


def test_twins_with_two_forms_of_one_name_are_no_exact_step() -> None:
    """Emma and Emily: two forms of one name, both in use; the exact steps leave them to the model."""
    with Engine() as engine:
        engine.execute(
            "CREATE TABLE link_common AS SELECT * FROM (VALUES ('emma'), ('emily'), ('william')) AS t(given)"
        )
        told = engine.rows(
            f"SELECT l.given, r.given, {deterministic._no_twin({'given', 'given_root', 'given_sound'})} FROM (VALUES "
            "('emma', 'emily', 'emily', 'emily'), ('emma', 'emily', 'emma', 'emily'), "
            "('william', 'william', 'bill', 'william')) "
            "AS t(a, b, c, d), LATERAL (SELECT a AS given, b AS given_root, a AS given_sound) AS l, "
            "LATERAL (SELECT c AS given, d AS given_root, c AS given_sound) AS r"
        )
    assert {(a, b): one for a, b, one in told} == {
        ("emma", "emily"): False, ("emma", "emma"): True, ("william", "bill"): True,
    }  # fmt: skip
