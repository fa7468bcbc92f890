"""The keys beside staged rows: the same for ever, and always of the row they stand beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.capture import capture_fhir, capture_hl7v2
from lockgate.capture.sortkeys import hashes, key_columns, keys_of_rows
from lockgate.schema import STAGED, staged_columns
from lockgate.site import Site

from .conftest import encounter, observation, patient, write
from .test_hl7v2_moves import A01, A02, adt, oru

# Files on disk hold these: whoever changes how a text is hashed gives the columns (``KEYS``) other names.
KNOWN = {
    "": (0x0, 0x0),
    "a": (0xB769596F5949265B, 0xD80E81E5BE1825C8),
    "r1": (0x17CDDE80ACCA3E61, 0xEFD3BDA57C29E3A9),
    "12345678": (0xF5ACBCBF99CD8D64, 0x126CEC3D2E3FF43F),
    "123456789": (0xE47F449D7F9CE11D, 0x3A8474457D362F3B),
    "é": (0x1CD802D4954D4F9A, 0x26E5171DEDBE1097),
    "a" * 40: (0x20C64DA5D6662710, 0x78091D1C49AA558C),
    None: (0xFD9FB91FD14E046E, 0xD8FF7B18A0E7E31D),
}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_text_has_the_same_hashes_for_ever_whatever_stands_beside_it(kind: pa.DataType) -> None:
    texts = pa.array(["before", *KNOWN, "after"], kind)
    for given in (texts.slice(1, len(KNOWN)), texts.take(pa.array(range(1, len(KNOWN) + 1)))):
        assert [tuple(map(int, pair)) for pair in zip(*hashes(given), strict=True)] == list(KNOWN.values())
    for text, both in KNOWN.items():
        assert [int(one[0]) for one in hashes(pa.array([text], kind))] == list(both)
    assert [len(one) for one in hashes(pa.array([], kind))] == [0, 0]


def test_hashes_are_of_whole_texts_and_spread() -> None:
    texts = [f"{'x' * (number % 23)}{number}" for number in range(200_000)]
    for one in hashes(pa.array(texts)):
        assert len(np.unique(one)) == len(texts)
        for shift in (0, 31, 56):  # any byte of them tells rows apart evenly
            counts = np.bincount((one >> np.uint64(shift)) & np.uint64(255), minlength=256)
            assert counts.min() > 600 and counts.max() < 970


def test_a_part_has_the_key_of_its_record_and_another_source_another() -> None:
    rows = pa.table(
        {
            "source": ["epr", "epr", "lab", None, "epr"],
            "record_id": ["r1", "r1#2", "r1", "r1", "r12"],
            "item_hash": ["a", "b", "a", "a", "a"],
        }
    )
    keys = {name: values.tolist() for name, values in keys_of_rows("result", rows).items()}
    key, check, item = keys.values()
    assert key[0] == key[1] and len(set(key)) == 4
    assert [one % 2 for one in check] == [0, 1, 0, 0, 0] and check[0] + 1 == check[1]
    assert len({one >> 1 for one in check}) == 4
    assert item[0] == item[2] != item[1]
    whole = keys_of_rows("allergy", rows)  # no table of parts: a "#" is a letter
    assert len(set(whole["sort1_key"].tolist())) == 5 and not (whole["sort1_check"] % np.uint64(2)).any()


def test_every_staged_row_stands_beside_its_own_keys(site: Site, tmp_path: Path) -> None:
    # a component, an observation whose patient comes later, and what is rewritten when a reference is resolved
    blood = {"code": {"text": "systolic"}, "valueQuantity": {"value": 120}}
    late = observation(3, "Patient/p2")
    write(
        tmp_path / "a" / "all.ndjson",
        patient(),
        encounter(),
        observation(1, component=[blood, blood]),
        observation(2),
        late,
    )
    capture_fhir(site, tmp_path / "a", actor="test")
    write(tmp_path / "b" / "p.ndjson", patient(2))
    capture_fhir(site, tmp_path / "b", actor="test")
    # visits that are renumbered within a capture and by a later one: diagnoses get other names, results other people
    told = [A01, oru(1, "140", "P1", "V1"), A02, adt("A50", 60, "P1", "V3", "MRG|P1^^^RXX^MR||||V1")]
    for name, texts in (("all", told), ("later", [adt("A50", 90, "P1", "V4", "MRG|P1^^^RXX^MR||||V3")])):
        (tmp_path / f"{name}.hl7").write_text("\r".join(texts), newline="")
        capture_hl7v2(site, tmp_path / f"{name}.hl7", source="pas", actor="test")
    seen = set()
    for path in site.staged.glob("2*/*.parquet"):
        rows = pq.read_table(path)
        seen.add(path.stem)
        names = [column.name for column in staged_columns(path.stem)]
        assert rows.column_names == [*names, *key_columns(path.stem)]
        for name, values in keys_of_rows(path.stem, rows).items():
            assert rows.column(name).to_pylist() == values.view(np.int64).tolist(), (path, name)
    assert (
        {"patient", "encounter", "encounter_move", "result", "condition", "specimen"} <= seen <= set(STAGED)
    )
    names = {
        row
        for path in site.staged.glob("2*/condition.parquet")
        for row in pq.read_table(path)["record_id"].to_pylist()
    }
    assert {"V3|I10|A", "V4|I10|A"} <= names  # the names were changed
