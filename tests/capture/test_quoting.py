"""Where rows of delimited text end: as a reader of RFC 4180 says, and no row lost to a quote that never closes."""

from __future__ import annotations

import csv
import io
import itertools
import random
from pathlib import Path

import pytest

from lockgate.capture import capture_table, status
from lockgate.capture.tabular import quoting
from lockgate.capture.tabular.quoting import rows_of
from lockgate.site import Site

from .conftest import adds_up

WORDS = ("", "plain", "a,b", "two\nlines", "two\r\nlines", 'said ""', '"', 'a "b" c', "é", '","', '5" nail')
CONTRACT = """\
contract: lockgate.contract/1
name: notes
title: Notes
owner: o
legal_basis: l
key: [id]
columns:
  id: {required: true}
  note: {identifies: true}
"""


def _starts(block: bytes, *, last: bool = True) -> list[int]:
    return [0, *rows_of(block, ",", last=last).ends.tolist()]


@pytest.mark.parametrize("style", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_rows_end_where_a_reader_says_wherever_the_block_is_cut(style: int) -> None:
    rng = random.Random(style)
    for _ in range(60):
        rows = [[rng.choice(WORDS) for _ in range(3)] for _ in range(rng.randint(1, 12))]
        out = io.StringIO()
        csv.writer(out, quoting=style, lineterminator=rng.choice(("\n", "\r\n"))).writerows(rows)
        block = out.getvalue().encode()
        starts = _starts(block)
        told = [block[begin:end].decode() for begin, end in itertools.pairwise(starts)]
        assert [next(csv.reader(io.StringIO(text, newline=""))) for text in told] == rows
        assert not rows_of(block, ",", last=True).broken
        for cut in rng.sample(range(len(block)), min(8, len(block))):
            part = rows_of(block[:cut], ",", last=False)
            whole = int(part.ends[-1]) if len(part.ends) else 0
            assert part.ends.tolist() == [end for end in starts[1:] if end <= whole] and not part.broken
            assert [whole + end for end in _starts(block[whole:])] == starts[starts.index(whole) :]


def test_a_quote_that_never_closes_costs_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    block = b'1,"open\n2,x\n3,"fine"\n4,5" nail\n5,"a"b"\n6,y\n7,"closed" ,z\n8,"two\nlines"\n9,"open'
    rows = rows_of(block, ",", last=True)
    starts = [0, *rows.ends.tolist()]
    assert len(rows.ends) == 9
    assert [starts.index(place) + 1 for place in sorted(rows.broken)] == [1, 5, 9]
    assert len(rows_of(block, ",", last=False).ends) == 8  # the last may close in what comes
    monkeypatch.setattr(quoting, "MAX_QUOTED", 20)
    long = b'1,"' + b"x" * 30 + b'"\n2,"y\nz"\n'
    told = rows_of(long, ",", last=False)
    assert (told.ends.tolist(), told.broken) == ([35, len(long)], {0})


@pytest.mark.parametrize(
    ("text", "staged", "held"),
    [
        (b'id,note\n1,"open\n2,b\n3,c\n', 2, {"open-quote": 1}),
        (b'id,note\n1,5" nail\n2,b\n3,6" nail\n4,d\n', 4, {}),
        (b'id,note\n1,a\n2,b\rb\n3,"c\rc"\n', 2, {"wrong-columns": 1}),
        (b"id,note\r1,a\r2,b\r", 2, {}),
    ],
)
def test_every_good_row_of_an_odd_table_is_staged(
    site: Site, tmp_path: Path, text: bytes, staged: int, held: dict[str, int]
) -> None:
    folder = site.path / "contracts" / "notes"
    folder.mkdir(parents=True)
    (folder / "contract.yaml").write_text(CONTRACT)
    (folder / "feedback.sql").write_text(
        "SELECT source, record_id, version_at, deleted, item_hash, batch_id, note AS comment FROM item"
    )
    (tmp_path / "notes.csv").write_bytes(text)
    result = capture_table(site, "notes", tmp_path / "notes.csv", actor="test")
    assert adds_up(result) and status(site)["adds_up"]
    assert (result.staged, result.reasons) == (staged, held)
