"""Versions, deletions and Bundles: one end state, whatever came in which order and in which wrapping."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import capture_fhir, latest_view, status
from lockgate.engine import Engine
from lockgate.site import Site

from .conftest import Resource, adds_up, encounter, observation, patient, write


def told(*meta: tuple[str | None, str | None, int]) -> list[Resource]:
    """Versions of one observation: lastUpdated, versionId, value."""
    versions = []
    for updated, version, value in meta:
        said = {"lastUpdated": updated, "versionId": version}
        body = observation(1, meta={k: v for k, v in said.items() if v is not None}, valueInteger=value)
        del body["valueQuantity"]
        versions.append(body)
    return versions


def live(site: Site, table: str = "result", columns: str = "value_number") -> list[Any]:
    with Engine(threads=1) as engine:
        view = latest_view(engine, site, table)
        return [row[0] for row in engine.rows(f"SELECT {columns} FROM {view} ORDER BY ALL")]


T = "2024-03-01T10:00:00"
SEQUENCES = {
    "by time, across offsets": told(
        (T + "+01:00", "9", 1), (T + "Z", "1", 2), ("2024-03-01T10:00:00.5Z", None, 3)
    ),
    "equal times by versionId": told((T + "Z", "2", 1), (T + "Z", "10", 2), (T + "Z", "11", 3)),
    "equal milliseconds by versionId": told(
        (T + ".123Z", "98", 1), (T + ".123Z", "99", 2), (T + ".124Z", "1", 3)
    ),
    "without a time, by versionId": told((None, "2", 1), (None, "9", 2), (None, "10", 3)),
    "what says when beats what does not": told((None, "4", 1), (None, "5", 2), (T + "Z", "1", 3)),
}


def test_the_last_version_wins_in_every_order(site: Site, tmp_path: Path) -> None:
    sequences = [
        [{**version, "id": f"o{number}"} for version in sequence]
        for number, sequence in enumerate(SEQUENCES.values())
    ]
    for turn, order in enumerate(itertools.permutations(range(3))):
        body = [patient(), *(sequence[place] for place in order for sequence in sequences)]
        capture_fhir(site, write(tmp_path / f"{turn}.ndjson", *body), source=f"s{turn}", actor="test")
    with Engine(threads=1) as engine:
        view = latest_view(engine, site, "result")
        assert engine.rows(f"SELECT record_id, list(value_number) FROM {view} GROUP BY ALL ORDER BY ALL") == [
            (f"o{number}", [3.0] * 6) for number in range(len(sequences))
        ]


def test_later_captures_of_older_versions_change_nothing(site: Site, tmp_path: Path) -> None:
    for place, version in enumerate(reversed(SEQUENCES["without a time, by versionId"])):
        capture_fhir(site, write(tmp_path / f"{place}.ndjson", patient(), version), actor="test")
    assert live(site) == [3.0]


def test_versions_that_no_number_tells_apart_still_have_one_end(site: Site, tmp_path: Path) -> None:
    versions = told((T + "Z", "W/abc", 1), (T + "Z", "W/abd", 2))
    for name, order in (("a", versions), ("b", versions[::-1])):
        for turn, body in enumerate([patient(), *order]):
            capture_fhir(site, write(tmp_path / f"{name}{turn}.ndjson", body), source=name, actor="test")
    assert len(set(live(site))) == 1 and len(live(site)) == 2


def deletion(
    kind: str, name: str, at: str | None = None, etag: str | None = None, base: str = ""
) -> Resource:
    response = {"status": "204", **({"lastModified": at} if at else {}), **({"etag": etag} if etag else {})}
    return {"request": {"method": "DELETE", "url": f"{base}{kind}/{name}"}, "response": response}


def bundle(kind: str, *entries: Resource, **more: Any) -> Resource:
    return {"resourceType": "Bundle", "id": "b", "type": kind, **more, "entry": list(entries)}


def test_a_history_deletes_what_it_says_it_deleted(site: Site, tmp_path: Path, rows) -> None:
    """A DELETE is a tombstone of its time: what is older goes in every order, what is newer stays."""
    old = {"lastUpdated": "2024-03-01T00:00:00Z", "versionId": "1"}
    new = {"lastUpdated": "2024-03-09T00:00:00Z", "versionId": "3"}
    part = {"code": {"text": "part"}, "valueInteger": 1}
    first = [
        observation(1, meta=old, component=[part]),
        observation(2, meta=old),
        encounter(1, meta=old),
        {**observation(3, meta=old), "resourceType": "DiagnosticReport", "conclusion": "fine"},
    ]
    history = bundle(
        "history",
        deletion("Observation", "o1", "2024-03-05T00:00:00Z", 'W/"2"'),
        deletion("Observation", "o2", "2024-03-05T00:00:00Z", base="https://fhir.example/r4/"),
        deletion("Encounter", "e1", "2024-03-05T00:00:00Z"),
        deletion("DiagnosticReport", "o3", "2024-03-05T00:00:00Z"),
        {"resource": observation(2, meta=new)},
    )
    captures = [[patient()], first, [history], [observation(1, meta={**old, "versionId": "0"})]]
    for turn in range(3):
        order = captures[1 + turn :] + captures[1 : 1 + turn]
        for place, items in enumerate([captures[0], *order]):
            path = write(tmp_path / f"{turn}-{place}.ndjson", *items)
            result = capture_fhir(site, path, source=f"s{turn}", actor="test")
            assert adds_up(result) and result.quarantined == 0
    assert live(site, "result", "record_id") == ["o2"] * 3
    assert live(site, "encounter", "record_id") == []
    assert live(site, "report", "record_id") == live(site, "document", "record_id") == []


def test_a_bulk_export_names_its_deletions_in_transactions(site: Site, tmp_path: Path) -> None:
    meta = {"lastUpdated": "2024-03-01T00:00:00Z"}
    gone = bundle(
        "transaction", *[{"request": {"method": "DELETE", "url": f"Patient/p{n}"}} for n in (2, 3)]
    ) | {"meta": {"lastUpdated": "2024-03-02T00:00:00Z"}}
    people = [patient(number, meta=meta) for number in (1, 2, 3)]
    result = capture_fhir(site, write(tmp_path / "d.ndjson.gz", gone, *people), actor="test")
    assert (result.received, result.staged) == (5, 5)
    assert live(site, "patient", "record_id") == ["p1"]


def test_what_was_entered_in_error_goes_however_faulty(site: Site, tmp_path: Path) -> None:
    """A withdrawal that breaks other rules still withdraws; of anything else the fault is kept."""
    good = {"lastUpdated": "2024-03-01T00:00:00Z"}
    bad = {"lastUpdated": "2024-03-02T00:00:00Z"}
    sound = [
        observation(1, meta=good),
        {"resourceType": "Condition", "id": "c1", "meta": good, "subject": {"reference": "Patient/p1"}},
        {
            "resourceType": "AllergyIntolerance",
            "id": "a1",
            "meta": good,
            "patient": {"reference": "Patient/p1"},
        },
    ]
    withdrawn = [
        {"resourceType": "Observation", "id": "o1", "meta": bad, "status": "entered-in-error"},
        *(
            {
                **one,
                "meta": bad,
                "recordedDate": "2023-02-30",
                "verificationStatus": {"coding": [{"code": "local"}, {"code": "entered-in-error"}]},
            }
            for one in sound[1:]
        ),
    ]
    capture_fhir(site, write(tmp_path / "a.ndjson", patient(), *sound), actor="test")
    assert len(live(site, "condition", "record_id") + live(site, "allergy", "record_id") + live(site)) == 3
    result = capture_fhir(site, write(tmp_path / "b.ndjson", *withdrawn), actor="test")
    assert adds_up(result) and result.reasons == {}
    assert live(site, "condition", "record_id") + live(site, "allergy", "record_id") + live(site) == []


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("transaction", "line.ndjson"),
        ("batch", "pretty.json"),
        ("collection", "packed.json.gz"),
        ("searchset", "line.ndjson.gz"),
        ("message", "pretty.json"),
        ("history", "line.json"),
    ],
)
def test_bundles_of_every_kind_and_form(site: Site, tmp_path: Path, kind: str, form: str, rows) -> None:
    header = {"resourceType": "MessageHeader", "id": "h", "eventCoding": {"code": "x"}, "source": {}}
    inner = bundle("collection", {"resource": observation(1)})
    entries = [
        {"fullUrl": "urn:uuid:aaa", "resource": patient(), "request": {"method": "PUT", "url": "Patient/p1"}},
        {"fullUrl": "urn:uuid:bbb", "resource": observation(2, of="urn:uuid:aaa")},
        {"fullUrl": "urn:oid:1.2.3", "resource": {**observation(3, of="urn:uuid:aaa"), "id": None}},
        {"resource": inner},
        {"resource": header},
        {"response": {"status": "200"}},
    ]
    del entries[2]["resource"]["id"]
    text = json.dumps(bundle(kind, *entries), indent=None if form.startswith("line") else 2).encode() + b"\n"
    (tmp_path / form).write_bytes(gzip.compress(text) if form.endswith(".gz") else text)
    result = capture_fhir(site, tmp_path / form, actor="test")
    assert adds_up(result)
    assert result.reasons == {"empty-bundle": 1, "not-staged-yet": 1}
    assert (result.received, result.staged) == (6, 4)
    assert rows("result", "record_id, patient_ref") == [("1.2.3", "p1"), ("o1", "p1"), ("o2", "p1")]
    again = capture_fhir(site, tmp_path / form, actor="test")
    assert (again.received, again.duplicates) == (6, 6)


@pytest.mark.parametrize("waits", [False, True])
def test_a_delete_that_says_when_takes_a_record_that_never_did(
    site: Site, tmp_path: Path, waits: bool
) -> None:
    """An undated version goes by the time of capture, long after the delete: what came before it goes all the same."""
    part = {"code": {"text": "part"}, "valueInteger": 1}
    old = [observation(1, component=[part]), observation(2), observation(3)]
    gone = bundle(
        "transaction",
        *[{"request": {"method": "DELETE", "url": f"Observation/o{n}"}} for n in (1, 2)],
        timestamp="2024-06-01T00:00:00Z",
    )
    wrong = {**observation(3), "status": "entered-in-error", "meta": {"lastUpdated": "2024-06-01T00:00:00Z"}}
    captures = [old, [gone, wrong], [patient()]] if waits else [[patient()], old, [gone, wrong]]
    for number, items in enumerate(captures):
        assert adds_up(capture_fhir(site, write(tmp_path / f"{number}.ndjson", *items), actor="test"))
    assert live(site, "result", "record_id") == []
    capture_fhir(site, write(tmp_path / "again.ndjson", *old), actor="test")  # an older file sent again
    assert live(site, "result", "record_id") == [] and status(site)["adds_up"]
    capture_fhir(site, write(tmp_path / "newer.ndjson", observation(1, valueInteger=9)), actor="test")
    assert live(site, "result", "record_id") == [
        "o1"
    ]  # undated and another text: the source tells of it again
