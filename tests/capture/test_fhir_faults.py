"""Bad input of each kind: quarantined with file, line and reason; the rest goes on."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from lockgate.capture import capture_fhir, list_held
from lockgate.errors import UsageError
from lockgate.schema.nhs_number import check_digit
from lockgate.site import Site

from .conftest import NHS, UCUM, adds_up, encounter, observation, patient, write

WRONG_NHS = "943476591" + str((int(check_digit("943476591") or 0) + 1) % 10)

BAD = {
    "not-json": '{"resourceType": "Patient", "id": "x"',
    "not-an-object": "[1, 2]",
    "no-resource-type": '{"id": "x"}',
    "unknown-resource-type": '{"resourceType": "Patience", "id": "x"}',
    "not-staged-yet": '{"resourceType": "Goal", "id": "x"}',
    "no-id": json.dumps({**observation(), "id": ""}),
    "missing-required": json.dumps({k: v for k, v in observation(90).items() if k != "code"}),
    "missing-reference": json.dumps(observation(91, of="Patient/nobody")),
    "wrong-type": json.dumps(observation(92, valueQuantity={"value": "70", "system": UCUM, "code": "/min"})),
    "impossible-date": json.dumps(observation(93, effectiveDateTime="2021-02-30")),
    "bad-nhs-number": json.dumps(patient(94, identifier=[{"system": NHS, "value": WRONG_NHS}])),
    "unknown-unit": json.dumps(
        observation(95, valueQuantity={"value": 7, "system": UCUM, "code": "furlong"})
    ),
    "not-utf8": b'{"resourceType": "Patient", "id": "\xff\xfe"}',
}


def test_each_fault_has_its_reason_and_the_rest_goes_on(site: Site, tmp_path: Path, faults, rows) -> None:
    write(tmp_path / "in" / "all.ndjson", patient(), encounter(), *BAD.values(), observation())
    result = capture_fhir(site, tmp_path / "in", actor="test")
    assert adds_up(result)
    assert (result.staged, result.quarantined) == (3, len(BAD))
    assert faults() == {("all.ndjson", line): reason for line, reason in enumerate(BAD, 3)}
    assert rows("result") == [("o1",)]


IMPOSSIBLE = [
    patient(2, birthDate="1750-01-01"),
    patient(2, birthDate="2999-01-01"),
    patient(2, deceasedDateTime="1960-01-01"),
    encounter(2, period={"start": "2024-03-02T08:00:00Z", "end": "2024-03-01T08:00:00Z"}),
    encounter(
        2,
        location=[
            {
                "location": {"reference": "Location/w"},
                "period": {"start": "2024-03-02", "end": "2024-03-01"},
            }
        ],
    ),
    observation(2, effectiveDateTime="soon"),
    observation(2, issued="2024-13-01T00:00:00Z"),
    observation(2, effectivePeriod={"start": "2024-03-02", "end": "2024-03-01"}),
]


def test_impossible_dates(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path / "all.ndjson", patient(), *IMPOSSIBLE)
    result = capture_fhir(site, path, actor="test")
    assert (result.staged, result.reasons) == (1, {"impossible-date": len(IMPOSSIBLE)})


def test_an_hour_before_the_clocks_go_back_is_before_the_hour_after(site: Site, tmp_path: Path) -> None:
    period = {"start": "2024-10-27T01:50:00+01:00", "end": "2024-10-27T01:10:00+00:00"}
    path = write(tmp_path / "all.ndjson", patient(), encounter(1, period=period))
    assert capture_fhir(site, path, actor="test").quarantined == 0


WRONG = [
    {"code": "8867-4"},
    {"code": {"coding": {"code": "8867-4"}}},
    {"category": {"coding": []}},
    {"status": 7},
    {"valueQuantity": 70},
    {"valueBoolean": "true"},
    {"component": [{"code": {"text": "x"}, "valueQuantity": {"value": "x"}}]},
    {"component": [{"code": {"text": "x"}}, {"code": {"text": "x"}, "valueQuantity": {"value": "x"}}]},
]


def test_wrong_types(site: Site, tmp_path: Path, faults) -> None:
    path = write(
        tmp_path / "all.ndjson", patient(), *(observation(n, **changes) for n, changes in enumerate(WRONG))
    )
    assert capture_fhir(site, path, actor="test").staged == 1
    assert faults() == {("all.ndjson", line): "wrong-type" for line in range(2, len(WRONG) + 2)}


def test_units_of_components_are_checked(site: Site, tmp_path: Path) -> None:
    part = {"code": {"text": "x"}, "valueQuantity": {"value": 1, "system": UCUM, "code": "stone/fortnight"}}
    good = {**part, "valueQuantity": {"value": 1, "unit": "10^9/L"}}
    path = write(
        tmp_path / "all.ndjson",
        patient(),
        observation(1, component=[good, part]),
        observation(2, component=[good]),
    )
    assert capture_fhir(site, path, actor="test").reasons == {"unknown-unit": 1}


def test_null_bytes(site: Site, tmp_path: Path, faults) -> None:
    path = write(
        tmp_path / "all.ndjson", patient(), b'{"resourceType":"Patient",\x00"id":"p2"}', "", patient(3)
    )
    assert capture_fhir(site, path, actor="test").staged == 2
    assert faults() == {("all.ndjson", 2): "not-utf8"}


def test_a_truncated_gzip_keeps_its_whole_lines(site: Site, tmp_path: Path, rows) -> None:
    content = b"".join(
        json.dumps(patient(number, text=os.urandom(300).hex())).encode() + b"\n" for number in range(500)
    )
    path = tmp_path / "Patient.ndjson.gz"
    packed = gzip.compress(content)
    path.write_bytes(packed[: len(packed) * 2 // 3])
    result = capture_fhir(site, path, actor="test")
    assert adds_up(result)
    assert result.reasons == {"truncated-file": 1}
    assert 250 < result.staged < 450
    path.write_bytes(packed)
    again = capture_fhir(site, path, actor="test")
    assert (again.duplicates, again.staged) == (result.staged, 500 - result.staged)
    assert len(rows("patient")) == 500


def test_a_file_cut_in_its_last_line(site: Site, tmp_path: Path, faults) -> None:
    path = tmp_path / "all.ndjson"
    path.write_bytes(json.dumps(patient()).encode() + b"\n" + json.dumps(patient(2)).encode()[:-9])
    assert capture_fhir(site, path, actor="test").staged == 1
    assert faults() == {("all.ndjson", 2): "truncated-file"}


def test_a_last_line_without_newline_is_a_line(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "all.ndjson"
    path.write_bytes(
        b"\xef\xbb\xbf" + json.dumps(patient()).encode() + b"\r\n\r\n" + json.dumps(patient(2)).encode()
    )
    assert capture_fhir(site, path, actor="test").staged == 2


def test_unreadable_files(site: Site, tmp_path: Path, faults) -> None:
    write(tmp_path / "in" / "good.ndjson", patient())
    (tmp_path / "in" / "bad.ndjson.gz").write_bytes(b"this is no gzip file")
    (tmp_path / "in" / "notes.txt").write_text("not read")
    result = capture_fhir(site, tmp_path / "in", actor="test")
    assert (result.staged, result.quarantined) == (1, 1)
    assert faults() == {("bad.ndjson.gz", 0): "unreadable-file"}
    assert len(result.warnings) == 1


def test_nothing_to_read_is_a_mistake_of_use(site: Site, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no FHIR file"):
        capture_fhir(site, tmp_path / "empty", actor="test")
    with pytest.raises(UsageError, match="no such file"):
        capture_fhir(site, tmp_path / "absent", actor="test")


def test_details_hold_no_value_of_the_record(site: Site, tmp_path: Path) -> None:
    from lockgate.capture import list_held

    write(tmp_path / "all.ndjson", patient(), *BAD.values())
    capture_fhir(site, tmp_path / "all.ndjson", actor="test")
    shown = json.dumps([item.as_dict() for item in list_held(site)[1]])
    for value in (WRONG_NHS, "Example", "nobody", "furlong", "2021-02-30"):
        assert value not in shown
    assert WRONG_NHS not in site.audit.chain.read_text()


def test_a_type_that_is_no_type_is_not_repeated(site: Site, tmp_path: Path) -> None:
    """Whatever stands where a resource type should, it is in no count, batch or list."""
    line = '{"resourceType": "9434765919", "id": "x"}'
    write(tmp_path / "a.ndjson", line, line)
    result = capture_fhir(site, tmp_path / "a.ndjson", actor="test")
    assert result.by_type == {"unknown": {"received": 2, "staged": 0, "quarantined": 1, "duplicates": 1}}
    assert result.reasons == {"unknown-resource-type": 1}
    again = capture_fhir(site, tmp_path / "a.ndjson", actor="test")
    assert again.by_type == {"unknown": {"received": 2, "staged": 0, "quarantined": 0, "duplicates": 2}}
    counts, items = list_held(site)
    assert "9434765919" not in repr((counts, items, result, again))


TOLD_TWICE = [
    '{"resourceType":"Patient","id":"q1","gender":"female","gender":"male"}',
    '{"resourceType": "Patient", "id": "q2", "gender": "female", "gender": "male"}',
    '{ "resourceType":"Patient","id":"q3",\t"gender" : "female","gender":"male" }',
    '{"resourceType":"Patient","id":"q4","gender":"female","gend\\u0065r":"male"}',
    '{"resourceType":"Patient","id":"q5","resourceType":"Group"}',
    '{"resourceType":"Patient","id":"q6","name":[{"family":"Example","given":["A"],"family":"Other"}]}',
    '{"resourceType":"Patient","id":"q7","name":[{"family" : "Example","family" : "Other"}]}',
    '{"resourceType":"Patient","id":"q8","unheard":1,"unheard":2}',
]
SAID_ONCE = [
    '{"resourceType":"Patient","id":"r1","name":[{"family":"A"},{"family":"A"}],"gender":"female"}',
    '{ "resourceType" : "Patient" , "id" : "r2" , "name" : [ { "family" : "x \\" : y" , "text" : "family" } ] }',
    '{"resourceType":"Patient","id":"r3","name":[{"family":"caf\\u00e9: 5","text":"a:1"}],"unheard":{"a:1":1,"a:2":2}}',
    '{"resourceType":"Patient","id":"r4","name":[{"fam:1":"x","fam:2":"y","family":"Café"}]}',
]


@pytest.mark.parametrize("together", [True, False])
def test_a_key_that_is_named_twice_is_held(site: Site, tmp_path: Path, faults, rows, together: bool) -> None:
    files = [("all.ndjson", [*TOLD_TWICE, *SAID_ONCE])] if together else [
        (f"{number}.ndjson", [text]) for number, text in enumerate([*TOLD_TWICE, *SAID_ONCE])
    ]  # fmt: skip
    for name, texts in files:
        write(tmp_path / "in" / name, *texts)
    result = capture_fhir(site, tmp_path / "in", actor="test")
    assert adds_up(result)
    assert result.reasons == {"repeated-key": len(TOLD_TWICE)}
    assert rows("patient") == [("r1",), ("r2",), ("r3",), ("r4",)]
