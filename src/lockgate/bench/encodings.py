"""Linkage by encodings: F1 at the one threshold there is, and how fast records are encoded and matched.

febrl4 is read from the folder of shared data where there is one, else the measure is left out. The plain comparison
beside the speed of matching is what a Dice coefficient costs in Python, pair by pair.
"""

from __future__ import annotations

import csv
import hashlib
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from lockgate.bench.core import Measure
from lockgate.bench.linkage import registers
from lockgate.engine import Engine
from lockgate.identity.linkage import parse_map
from lockgate.identity.partner.encoding import SCHEME, Encoding, encode
from lockgate.identity.partner.matching import THRESHOLD, Matched, match_encodings

FEBRL = Path(__file__).resolve().parents[4] / "shared" / "data" / "linkage" / "febrl"
FEBRL_MAP = (
    "given_name=given_name,family_name=surname,street_number=street_number,address=address_1,"
    "other_address2=address_2,city=suburb,postcode=postcode,state=state,birth_date=date_of_birth"
)
REGISTER_MAP = "given_name=given,family_name=family,birth_date=born,postcode=postcode,sex=sex"
_KEY = hashlib.sha256(b"a key for measuring only").digest()


def run(quick: bool = False) -> list[Measure]:
    """febrl4, two registers with and without NHS numbers, and the speed of both steps."""
    measures: list[Measure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if FEBRL.is_dir() and not quick:
            measures += febrl4(folder)
        measures += _registers(folder, 200 if quick else 20_000)
    return measures + _matching(20_000 if quick else 1_000_000)


def febrl4(folder: Path, febrl: Path = FEBRL) -> list[Measure]:
    """F1 on febrl4 at the fixed threshold, with its person number and without."""
    sides = []
    for side in "ab":
        # the file has a space after each comma
        with (febrl / f"dataset4{side}.csv").open(newline="") as source:
            rows = list(csv.reader(source, skipinitialspace=True))
        sides.append(folder / f"febrl4{side}.csv")
        with sides[-1].open("w", newline="") as target:
            csv.writer(target).writerows(rows)
    measures = []
    for label, mapping, target_f1 in (
        ("encodings: febrl4, F1", f"{FEBRL_MAP},other_id=soc_sec_id", 0.997),
        ("encodings: febrl4 without its person number, F1", FEBRL_MAP, None),
    ):
        left, right = (encoded(path, "rec_id", mapping) for path in sides)
        scores = score(left, right, match_encodings(left.table, right.table), lambda name: name.split("-")[1])
        measures.append(Measure(label, scores[2], "", target_f1))
    return measures


def encoded(path: Path, ident: str, mapping: str, key: bytes = _KEY) -> Encoding:
    """A file's encodings under a key for measuring."""
    with Engine() as engine:
        return encode(engine, path, ident, parse_map(mapping), key)


def score(
    left: Encoding, right: Encoding, found: Matched, person: object = None
) -> tuple[float, float, float]:
    """Precision, recall and F1 of the pairs of rows; ``person`` says of an id whose record it is."""
    of = person if callable(person) else lambda name: name
    a, b = (_by_token(side, of) for side in (left, right))
    tokens = [
        side.table["token"].take(pa.array(rows)).to_pylist()
        for side, rows in ((left, found.left), (right, found.right))
    ]
    pairs = [(x, y) for t, u in zip(*tokens, strict=True) for x in a[t] for y in b[u]]
    right_ones = sum(x == y for x, y in pairs)
    both = len(_people(a.values()) & _people(b.values()))
    precision, recall = right_ones / max(1, len(pairs)), right_ones / max(1, both)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def _by_token(side: Encoding, of: object) -> dict[bytes, list[str]]:
    assert callable(of)
    found: dict[bytes, list[str]] = {}
    for name, token in zip(side.rows["id"].to_pylist(), side.rows["token"].to_pylist(), strict=True):
        found.setdefault(token, []).append(str(of(str(name))))
    return found


def _people(groups: Iterable[list[str]]) -> set[str]:
    return {name for group in groups for name in group}


def _registers(folder: Path, people: int) -> list[Measure]:
    made = registers(folder, people, seed=5)
    measures = []
    for label, mapping in (("", f"{REGISTER_MAP},nhs_number=nhs"), (" without NHS numbers", REGISTER_MAP)):
        started = time.process_time()
        left, right = (encoded(path, "id", mapping) for path in (made.left, made.right))
        seconds = time.process_time() - started
        rows = left.rows.num_rows + right.rows.num_rows
        scores = score(left, right, match_encodings(left.table, right.table), lambda name: name[1:])
        measures += [
            Measure(f"encodings: two registers{label}, F1", scores[2], ""),
            Measure(f"encodings: records encoded{label}", rows / seconds, "records/CPU s"),
        ]
    return measures


def _matching(records: int) -> list[Measure]:
    """Random encodings of which six in ten of the left have a worn copy on the right, in blocks of sixteen."""
    rng = np.random.default_rng(3)
    width = SCHEME.bits // 8
    bits = max(1, round(np.log2(records / SCHEME.records_per_block)))
    left = rng.integers(0, 256, (records, width), dtype=np.uint8)
    same = int(records * 0.6)
    # a quarter of a copy's bits differ
    worn = left[:same] ^ (
        rng.integers(0, 256, (same, width), dtype=np.uint8)
        & rng.integers(0, 256, (same, width), dtype=np.uint8)
    )
    right = np.concatenate([worn, rng.integers(0, 256, (records - same, width), dtype=np.uint8)])
    blocks = rng.integers(0, 1 << bits, (5, records), dtype=np.uint32) << np.uint32(32 - bits)
    others = rng.integers(0, 1 << bits, (5, records), dtype=np.uint32) << np.uint32(32 - bits)
    others[:, :same] = blocks[:, :same]
    tables = [_table(left, blocks, bits), _table(right, others, bits)]
    started, wall = time.process_time(), time.perf_counter()
    found = match_encodings(*tables)
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    correct = bool(len(found.left) == same and np.array_equal(found.left, found.right))
    pairs = found.report["pairs_compared"]
    return [
        Measure(
            f"encodings: {records:,} x {records:,} matched at distance {THRESHOLD}, wall time", wall, "s",
            higher_is_better=False, correct=correct,
        ),
        Measure(
            "encodings: pairs compared", pairs / seconds, "pairs/CPU s", peer="Dice in Python, pair by pair",
            peer_value=_plain_rate(left, right), correct=correct,
        ),
    ]  # fmt: skip


def _table(
    rows: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    blocks: np.ndarray[tuple[int, ...], np.dtype[np.uint32]],
    bits: int,
) -> pa.Table:
    width = rows.shape[1]
    column = pa.Array.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(rows.tobytes())])
    body = {"encoding": column} | {
        f"block_{number}": pa.array(values) for number, values in enumerate(blocks)
    }
    return pa.table(body).replace_schema_metadata({"block_bits": str(bits)})


def _plain_rate(
    left: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    right: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    n: int = 20_000,
) -> float:
    a, b = ([int.from_bytes(row.tobytes(), "little") for row in side[:200]] for side in (left, right))
    started = time.perf_counter()
    nearest = 0.0
    for number in range(n):
        x, y = a[number % 200], b[number * 7 % 200]
        nearest = max(nearest, 2 * (x & y).bit_count() / (x.bit_count() + y.bit_count()))
    return n / (time.perf_counter() - started)
