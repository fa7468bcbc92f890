"""The reading of notes: who may, what is shown and audited, marking without JavaScript, and that nothing is cached."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import Client

from lockgate.curate.notesreview import held_notes, open_review
from lockgate.site import Site

LEFT = "quennelthorpe"


@pytest.fixture
def notes(hospital: Site) -> Site:
    """A release of twelve notes of one type; each says a name that was missed, and has a tag."""
    folder = hospital.releases / "2026.1"
    (folder / "omop").mkdir()
    ids = list(range(1, 13))
    text = [f"Seen by [STAFF]. The <b>{LEFT}</b> dispute, {number}." for number in ids]
    pq.write_table(
        pa.table({"note_id": ids, "note_class_concept_id": [7] * 12, "note_text": text}),
        folder / "omop" / "note.parquet",
    )
    concept = pa.table({"concept_id": [7], "concept_name": ["Clinic letter"]})
    pq.write_table(concept, folder / "omop" / "concept.parquet")
    tables = {name: {"file": f"omop/{name}.parquet", "rows": 12} for name in ("note", "concept")}
    (folder / "manifest.json").write_text(json.dumps({"tables": tables}))
    return hospital


def test_a_clerk_draws_reads_marks_and_publishes(notes: Site, sign_in: Any) -> None:
    client: Client = sign_in("lena")
    assert "Draw the sample" in client.get("/notes/").content.decode()
    wrong = client.post(
        "/notes/", {"action": "plan", "release": "2026.1", "share": "none", "share_by_type": "10"}
    )
    assert wrong.status_code == 400 and "per cent" in wrong.content.decode()
    plan = {"action": "plan", "release": "2026.1", "share": "5", "share_by_type": "20"}
    assert client.post("/notes/", plan).status_code == 302
    place = client.get("/notes/2026.1/next/")["Location"]
    shown = client.get(place)
    page = shown.content.decode()
    assert shown["Cache-Control"] == "no-store"
    assert f"&lt;b&gt;{LEFT}&lt;/b&gt;" in page and "Note 1 of 12" in page
    note = place.rstrip("/").split("/")[-1]
    (entry,) = notes.audit.entries("notes.review.shown")
    assert entry.actor == "lena" and entry.detail == {"release": "2026.1", "note": note}

    row = {"words-1": LEFT, "kind-1": "NAME", "whose-1": "other", "rows": "5"}
    assert client.post(place, {**row, "action": "none"}).status_code == 400
    more = client.post(place, {**row, "action": "more"}).content.decode()
    assert 'id="words-10"' in more and f'value="{LEFT}"' in more
    unknown = client.post(place, {**row, "words-2": "another", "kind-2": "NAME", "action": "keep"})
    assert unknown.status_code == 400 and "copy them as they are" in unknown.content.decode()
    assert client.post(place, {"rows": "5", "action": "keep"}).status_code == 400
    assert held_notes(notes) == []
    assert client.post(place, {**row, "action": "keep"})["Location"] == "/notes/2026.1/next/"
    assert [str(one["note_id"]) for one in held_notes(notes)] == [note]

    early = client.post("/notes/", {"action": "publish", "release": "2026.1"})
    assert early.status_code == 400 and "of the sample aren" in early.content.decode()
    while (following := client.get("/notes/2026.1/next/"))["Location"] != "/notes/":
        client.post(following["Location"], {"rows": "5", "action": "none"})
    listed = client.get("/notes/").content.decode()
    assert "33.87 %" in listed and LEFT not in listed  # one of twelve: 0.3387 by Clopper and Pearson
    assert client.post("/notes/", {"action": "publish", "release": "2026.1"}).status_code == 302
    cleared = client.post("/notes/", {"action": "clear", "note": note, "reason": "it is a street"})
    assert cleared.status_code == 302 and held_notes(notes) == []
    said = [str(entry.detail) for entry in notes.audit.entries()]
    assert not any(LEFT in each for each in said)
    review = open_review(notes)
    assert review is not None and len(review.marks) == 12


@pytest.mark.parametrize(
    ("who", "sees", "reads"),
    [("lena", 200, 302), ("dora", 200, 302), ("rita", 200, 403), ("audrey", 200, 403), ("ann", 403, 403)],
)
def test_who_may_read_and_who_may_see_what_it_showed(
    notes: Site, sign_in: Any, who: str, sees: int, reads: int
) -> None:
    client: Client = sign_in(who)
    assert client.get("/notes/").status_code == sees
    plan = {"action": "plan", "release": "2026.1", "share": "5", "share_by_type": "20"}
    assert client.post("/notes/", plan).status_code == reads
    if reads == 403:
        assert client.get("/notes/2026.1/next/").status_code == 403
        assert client.get("/notes/2026.1/1/").status_code == 403


def test_a_note_that_was_not_drawn_is_not_found(notes: Site, sign_in: Any) -> None:
    client: Client = sign_in("lena")
    assert client.get("/notes/2026.1/next/").status_code == 404
    client.post("/notes/", {"action": "plan", "release": "2026.1", "share": "50", "share_by_type": "50"})
    review = open_review(notes)
    assert review is not None
    other = next(number for number in range(1, 13) if review.of(number) is None)
    assert client.get(f"/notes/2026.1/{other}/").status_code == 404
    assert client.get("/notes/9999.9/1/").status_code == 404
