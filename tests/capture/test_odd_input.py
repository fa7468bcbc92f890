"""Unusual but legal input, and illegal input, of every kind: counts add up, and every reason is the right one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from lockgate.capture import CaptureResult, capture_fhir, capture_hl7v2, capture_table, list_held, status
from lockgate.site import Site

from .conftest import Resource, adds_up, encounter, observation, patient

Outcome = tuple[int, int, dict[str, int]]  # received, staged, reasons


def _by_file(site: Site, result: CaptureResult) -> dict[str, Outcome]:
    """What became of each file's items."""
    assert adds_up(result)
    assert status(site)["adds_up"]
    held: dict[str, dict[str, int]] = {}
    for item in list_held(site, batch=result.batch_id, limit=10_000)[1]:
        reasons = held.setdefault(item.file, {})
        reasons[item.reason] = reasons.get(item.reason, 0) + 1
    return {
        name: (counts["received"], counts["staged"], held.get(name, {}))
        for name, counts in result.by_file.items()
    }


def _bundle(kind: str, *entries: Resource, **more: object) -> str:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries), **more})


def test_bundles_and_lines_of_fhir(site: Site, tmp_path: Path) -> None:
    def entry(resource: Resource, **more: object) -> Resource:
        return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource, **more}

    put = {"method": "PUT", "url": "Patient/p3"}
    gone = {
        "request": {"method": "DELETE", "url": "Observation/o7"},
        "response": {"lastModified": "2024-05-01T00:00:00Z"},
    }
    plain = json.dumps(patient(9))
    found_one = _bundle("searchset", entry(patient(1), search={"mode": "match"}), total=1)
    pretty = json.dumps(json.loads(_bundle("collection", entry(patient(5)))), indent=2)
    files: dict[str, tuple[bytes, Outcome]] = {
        "searchset.json": (found_one.encode(), (1, 1, {})),
        "transaction.json": (_bundle("transaction", entry(patient(3), request=put)).encode(), (1, 1, {})),
        "batch.json": (_bundle("batch", entry(patient(4), request=put)).encode(), (1, 1, {})),
        "history.json": (_bundle("history", entry(observation(7)), gone).encode(), (2, 2, {})),
        "collection.json": (pretty.encode(), (1, 1, {})),
        "document.json": (_bundle("document", entry({"resourceType": "Composition", "id": "c"})).encode(),
                          (1, 0, {"not-staged-yet": 1})),
        "none.json": (_bundle("collection").encode(), (1, 0, {"empty-bundle": 1})),
        "hollow.json": (_bundle("batch", {"fullUrl": "urn:uuid:1"}).encode(), (1, 0, {"empty-bundle": 1})),
        "bom.ndjson": (b"\xef\xbb\xbf" + json.dumps(patient(6)).encode() + b"\r\n\r\n", (1, 1, {})),
        "utf16.ndjson": (json.dumps(patient(7)).encode("utf-16"), (1, 0, {"not-utf8": 1})),
        # of this type none has an id
        "patch.json": (_bundle("transaction", {"resource": {"resourceType": "Parameters"}}).encode(),
                       (1, 0, {"not-staged-yet": 1})),
        "names.ndjson": (b'{"resourceType":"Patient","id":"p20","tele\\u0000com":1,"a\\"b":2}', (1, 1, {})),
        "macintosh.ndjson": (b'{"id":"1"}\r{"id":"2"}', (1, 0, {"not-json": 1})),
        "numbers.ndjson": (b'7\n"x"\nnull\n[]\n', (4, 0, {"not-an-object": 4})),
        "garbage.ndjson.gz": (gzip.compress(plain.encode() + b"\n") + b"trailing garbage",
                              (2, 1, {"truncated-file": 1})),
        "padded.ndjson.gz": (gzip.compress(json.dumps(patient(10)).encode() + b"\n") + bytes(64), (1, 1, {})),
        "two.ndjson.gz": (gzip.compress(json.dumps(patient(11)).encode() + b"\n")
                          + gzip.compress(json.dumps(patient(12)).encode() + b"\n"), (2, 2, {})),
        "cut.ndjson": (json.dumps(patient(13)).encode() + b"\n" + plain.encode()[:40], (2, 1, {"truncated-file": 1})),
        "named.ndjson.gz": (b"no gzip at all", (1, 0, {"unreadable-file": 1})),
    }  # fmt: skip
    for name, (content, _) in files.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "visit.ndjson").write_text(json.dumps(encounter()))
    result = capture_fhir(site, tmp_path / "in", actor="test")
    found = _by_file(site, result)
    assert found.pop("visit.ndjson") == (1, 1, {})
    assert found == {name: outcome for name, (_, outcome) in files.items()}


def _message(number: int, kind: str = "ADT^A28", *more: str, end: str = "\r") -> str:
    pid = f"PID|1||{number}^^^RXX^MR||DOE^JO||19700101|F"
    at = "20240301120000"
    return end.join([f"MSH|^~\\&|X|RXX|||{at}||{kind}|c{number}|P|2.5", f"EVN||{at}", pid, *more]) + end


def test_feeds_of_hl7v2(site: Site, tmp_path: Path) -> None:
    framed = [f"\x0b{_message(n)}\x1c\r" for n in (10, 11)]
    noisy = f"\x0b{_message(12)}\x1c\rnoise\r\x0b{_message(13)}\x1c\r"
    batch = "FHS|^~\\&|X\rBHS|^~\\&|X\r" + _message(20) + _message(21) + "BTS|3\rFTS|1\r"
    files: dict[str, tuple[str, Outcome]] = {
        "cr.hl7": (_message(1) + _message(2), (2, 2, {})),
        "lf.hl7": (_message(3, end="\n") + _message(4, end="\n"), (2, 2, {})),
        "crlf.hl7": (_message(5, end="\r\n") + "\r\n" + _message(6, end="\r\n"), (2, 2, {})),
        "zed.hl7": (_message(7, "ADT^A28", "ZPI|1|site's own", "ZZZ"), (1, 1, {})),
        "mllp.hl7": ("".join(framed), (2, 2, {})),
        "between.hl7": (noisy, (3, 2, {"not-hl7": 1})),
        "batch.hl7": (batch, (2, 2, {})),
        "own.hl7": (_message(30).replace("|", "!").replace("^", "@").replace("~\\&", "~\\&"), (1, 1, {})),
        "cut.hl7": (_message(31) + _message(32)[:60], (2, 1, {"missing-required": 1})),
        "unknown.hl7": (_message(33, "ADT^A99") + _message(34, "SIU^S12"), (2, 0, {"unknown-message": 2})),
        "twice.hl7": (_message(1), (1, 0, {})),  # a duplicate of cr.hl7
        "text.txt": ("Dear all,\nplease find\n", (1, 0, {"not-hl7": 1})),
        "bare.hl7": ("MSH|", (1, 0, {"not-hl7": 1})),
        "empty.hl7": ("", (0, 0, {})),
    }  # fmt: skip
    (tmp_path / "in").mkdir()
    for name, (content, _) in files.items():
        (tmp_path / "in" / name).write_bytes(content.encode())
    result = capture_hl7v2(site, tmp_path / "in", source="x", actor="test")
    found = _by_file(site, result)
    assert found == {name: outcome for name, (_, outcome) in files.items() if name != "empty.hl7"}
    assert any("BTS-1" in warning for warning in result.warnings)
    assert any("without a message" in warning for warning in result.warnings)
    assert result.duplicates == 1


HEADER = "comment_id,left_on,about,score"
CONTRACT = """
contract: lockgate.contract/1
name: odd
title: Odd
owner: Nobody
legal_basis: "none: invented"
encoding: {encoding}
date_formats: [ymd, "%d-%b-%Y", dmy, mdy]
key: [comment_id]
columns:
  comment_id: {{required: true}}
  left_on: {{type: date}}
  about: {{}}
  score: {{type: integer}}
"""


def _odd(site: Site, tmp_path: Path, name: str, content: bytes, encoding: str = "utf-8") -> CaptureResult:
    folder = site.path / "contracts" / "odd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contract.yaml").write_text(CONTRACT.format(encoding=encoding))
    (folder / "feedback.sql").write_text(
        "SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id, about AS comment FROM item"
    )
    path = tmp_path / name
    path.write_bytes(content)
    return capture_table(site, "odd", path, actor="test")


def test_tables_of_every_shape(site: Site, tmp_path: Path, faults) -> None:
    text = "\r\n".join(
        [
            HEADER,
            '1,2024-03-31,"two\r\nlines, ""quoted""",5',
            "2,31-Mar-2024,plain,5",
            "3,31/03/2024,day first,5",
            "4,03/31/2024,month first,5",
            "5,03/04/2024,either,5",  # two days by the formats declared
            "6,2024-02-30,no day,5",
            "7,2024-03-31,too,many,5",
            "8,2024-03-31",
            "9,2024-03-31,no number,five",
            ",2024-03-31,no key,5",
            "10,2024-03-31,\u00e9t\u00e9,5",
            "1,2024-03-31,other content,4",
            "2,31-Mar-2024,plain,5",
        ]
    )
    result = _odd(site, tmp_path, "odd.csv", b"\xef\xbb\xbf" + text.encode())
    assert adds_up(result)
    assert (result.received, result.staged, result.duplicates) == (13, 6, 1)
    assert faults() == {
        ("odd.csv", 7): "ambiguous-date",
        ("odd.csv", 8): "impossible-date",
        ("odd.csv", 9): "wrong-columns",
        ("odd.csv", 10): "wrong-columns",
        ("odd.csv", 11): "wrong-type",
        ("odd.csv", 12): "missing-required",
    }
    # the same in two bytes a letter: nothing new but the file
    again = _odd(site, tmp_path, "odd16.csv", text.encode("utf-16"), encoding="utf-16")
    assert (again.received, again.duplicates + again.quarantined) == (13, 13)
    # packed, with something behind it
    packed = _odd(site, tmp_path, "odd.csv.gz", gzip.compress(f"{HEADER}\n99,,x,1\n".encode()) + b"more")
    assert (packed.staged, packed.reasons) == (1, {"truncated-file": 1})
    assert status(site)["adds_up"]
