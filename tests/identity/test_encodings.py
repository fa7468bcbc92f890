"""Encodings: what they find, what they refuse, and what an attacker finds in them."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.bench import encodings as bench
from lockgate.bench.linkage import registers
from lockgate.bench.spellings import GIVEN, SURNAMES
from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.identity.linkage import parse_map
from lockgate.identity.partner import encoding, matching
from lockgate.identity.partner.encoding import SCHEME, Encoding, encode
from lockgate.identity.partner.matching import match_encodings

KEY, OTHER = b"k" * 32, b"o" * 32
MAP = "given_name=given,family_name=family,birth_date=born,postcode=postcode"


def _write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "given", "family", "born", "postcode"], *rows])
    return path


def _people(count: int, seed: int = 1, *, name: tuple[str, str] | None = None) -> list[list[str]]:
    rng = random.Random(seed)
    return [
        [
            f"p{number}",
            name[0] if name else rng.choice(GIVEN["F"][:12]),
            name[1] if name else rng.choice(SURNAMES[:20]),
            f"{rng.randrange(1930, 2010)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
            f"LG{rng.randrange(1, 99)} {rng.randrange(1, 10)}{rng.choice('ABDEFGHJLN')}{rng.choice('ABDEFGHJLN')}",
        ]
        for number in range(count)
    ]


def _encoded(path: Path, mapping: str = MAP, key: bytes = KEY, ident: str = "id") -> Encoding:
    with Engine() as engine:
        return encode(engine, path, ident, parse_map(mapping), key)


def _bits(made: Encoding) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The encodings as bits, in the order of the file's rows (each a record of its own)."""
    place = {token: number for number, token in enumerate(made.table["token"].to_pylist())}
    order = pa.array([place[token] for token in made.rows["token"].to_pylist()])
    rows = made.table["encoding"].take(order).to_pylist()
    return np.unpackbits(np.array([np.frombuffer(row, np.uint8) for row in rows]), axis=1)


def test_febrl4_at_the_fixed_threshold(shared_data: Path, tmp_path: Path) -> None:
    whole, without = bench.febrl4(tmp_path, shared_data / "linkage" / "febrl")
    assert whole.value >= 0.997
    assert without.value >= 0.985


def test_blocks_find_what_all_pairs_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = registers(tmp_path, 700, seed=2)
    left, right = (_encoded(path, bench.REGISTER_MAP) for path in (made.left, made.right))
    every = match_encodings(left.table, right.table)
    monkeypatch.setattr(matching, "ALL_PAIRS", 0)
    blocked = match_encodings(left.table, right.table)
    assert blocked.report["way"] == "blocks"
    assert blocked.report["pairs_compared"] < every.report["pairs_compared"] / 2
    ours, theirs = (set(zip(one.left, one.right, strict=True)) for one in (blocked, every))
    assert len(ours & theirs) >= 0.98 * len(theirs)
    assert bench.score(left, right, blocked, lambda name: name[1:])[2] >= 0.97


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 34), st.integers(0, 2**32))
def test_distances_are_counted_right(rows: int, words: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 2**64, (2, rows, words), dtype=np.uint64)
    if seed % 3 == 0:
        y = ~x  # every bit differs: no byte may carry into the next
    expected = [
        sum((int(a) ^ int(b)).bit_count() for a, b in zip(p, q, strict=True))
        for p, q in zip(x, y, strict=True)
    ]
    assert matching._distance(x.copy(), y).tolist() == expected


def test_a_record_is_encoded_alike_in_any_company(tmp_path: Path) -> None:
    rows = _people(60)
    alone = _bits(_encoded(_write(tmp_path / "a.csv", rows[:30])))
    among = _bits(_encoded(_write(tmp_path / "b.csv", rows)))
    assert (alone == among[:30]).all()


def test_equal_records_go_over_once(tmp_path: Path) -> None:
    rows = _people(40)
    copies = [["c" + str(number), *rows[0][1:]] for number in range(20_000)]
    made = _encoded(_write(tmp_path / "a.csv", [*rows, *copies]))
    assert made.table.num_rows == 40
    assert len(made.rows) == 20_040


# What an attacker sees


def test_one_name_has_no_one_encoding(tmp_path: Path) -> None:
    """Encoded field by field, a name has one filter and its frequency gives it away; a whole record's has none."""
    rows = _people(400, name=("Mary", "Smith"))
    seen = {row.tobytes() for row in _bits(_encoded(_write(tmp_path / "a.csv", rows)))}
    assert len(seen) == 400
    with Engine() as engine:  # the same name alone, as a scheme of the field would encode it
        engine.execute(
            "CREATE TABLE partner_profile AS SELECT range AS place, 'mary' AS given FROM range(400)"
        )
        fields = [encoding.Field("given_name", "given", "given", "given")]
        filters = encoding._filters(engine, fields, 400, KEY, SCHEME)
    assert len({row.tobytes() for row in filters}) == 1


def test_no_pattern_of_bits_stands_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits that come and go together betray a common piece (Christen et al. 2018); after diffusion there are none,
    and no bit is much rarer than another."""
    path = _write(tmp_path / "a.csv", _people(1500))

    def together(bits: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
        spread = bits[:, bits.std(axis=0) > 0.05]
        related = np.corrcoef(spread.T)
        np.fill_diagonal(related, 0)
        return int((related > 0.8).sum() // 2)

    hardened = _bits(_encoded(path))
    monkeypatch.setattr(encoding, "_diffused", lambda filters, key, scheme: filters)
    plain = _bits(_encoded(path))
    assert together(plain) > 50
    assert together(hardened) <= 2
    assert plain.mean(axis=0).std() > 0.15
    assert hardened.mean(axis=0).std() < plain.mean(axis=0).std() / 2


def test_blocks_hide_a_common_combination(tmp_path: Path) -> None:
    """Every block holds some sixteen records, whatever they share: the commonest name of a year does not stand out."""
    made = _encoded(_write(tmp_path / "a.csv", _people(3000)))
    for name in (name for name in made.table.column_names if name.startswith("block_")):
        counts = made.table[name].drop_null().value_counts().field("counts").to_numpy()
        assert counts.min() >= 1
        assert counts.mean() >= 8
        assert len(counts) <= 256


def test_two_projects_cannot_be_joined(tmp_path: Path) -> None:
    """The same people under two projects' keys are as far apart as strangers, and share no block."""
    path = _write(tmp_path / "a.csv", _people(300))
    one, two = _encoded(path), _encoded(path, key=OTHER)
    assert match_encodings(one.table, two.table).report["links"] == 0
    assert abs((_bits(one) != _bits(two)).mean() - 0.5) < 0.02
    assert set(one.table["token"].to_pylist()).isdisjoint(two.table["token"].to_pylist())


# Bad input


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([], UsageError),
        ([["a", "", "", "", ""], ["b", "", "", "", ""]], Refused),
        ([[f"r{number}", "Ann", "Lee", "2000-01-02", "LG1 1AA"] for number in range(50)], Refused),
        (
            [["a", "Ann", "Lee", "2000-01-02", "LG1 1AA"], ["a", "Bob", "May", "1990-01-02", "LG2 1AA"]],
            UsageError,
        ),
    ],
    ids=["empty", "all missing", "constant", "repeated ids"],
)
def test_what_tells_nobody_apart_is_refused(
    tmp_path: Path, rows: list[list[str]], error: type[LockgateError]
) -> None:
    with pytest.raises(error) as refusal:
        _encoded(_write(tmp_path / "a.csv", rows))
    assert "Ann" not in str(refusal.value)


def test_blocks_that_blow_up_are_refused_or_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (3000, SCHEME.bits // 8), dtype=np.uint8)
    table = bench._table(rows, np.zeros((1, 3000), np.uint32), 8)
    monkeypatch.setattr(matching, "ALL_PAIRS", 0)
    monkeypatch.setattr(matching, "LARGEST_BLOCK", 1_000_000)
    assert match_encodings(table, table).report["blocks_too_large"] == 1
    monkeypatch.setattr(matching, "LARGEST_BLOCK", 10**9)
    monkeypatch.setattr(matching, "MOST_PAIRS", 1_000_000)
    with pytest.raises(Refused, match="9,000,000 pairs"):
        match_encodings(table, table)


def test_two_equally_near_are_left_unlinked() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (3, SCHEME.bits // 8), dtype=np.uint8)
    left = bench._table(rows, np.zeros((1, 3), np.uint32), 8)
    right = bench._table(rows[[0, 0, 1]], np.zeros((1, 3), np.uint32), 8)
    found = match_encodings(left, right)
    assert list(zip(found.left, found.right, strict=True)) == [(1, 2)]
    assert found.report["ambiguous"] == 1
