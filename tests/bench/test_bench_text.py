"""The scoring of the benchmark of free text: shapes, samples, other people's labels, intervals."""

from __future__ import annotations

from lockgate.bench import text as bench
from lockgate.bench.textpeers import _joined
from lockgate.bench.textsets import Note, _meddeid
from lockgate.deidentify.text import Span
from lockgate.deidentify.text.metrics import Score

TEXT = "Dr Ann Lee, a Baker aged 84-year-old, of Bath"


def document(kind: str) -> dict[str, object]:
    spans = [
        (0, 10, "Name:Caregiver"),
        (14, 19, "Profession"),
        (25, 36, "Age_Birthdate"),
        (41, 45, "Address_Location:Other"),
    ]
    return {
        "document_id": "1",
        "text": TEXT,
        "metadata": {"document_type": kind},
        "spans": [{"begin": b, "end": e, "label": label, "text": TEXT[b:e]} for b, e, label in spans],
    }


def test_labels_of_a_third_party_are_read_by_our_rules_or_as_they_are() -> None:
    ours = list(_meddeid([document("referral_letter"), document("clinic_note")], strict=False))
    assert [note.truth for note in ours] == [[[3, 10, "Name:Caregiver"], [41, 45, "Address_Location:Other"]]]
    (theirs,) = _meddeid([document("referral_letter")], strict=True)
    assert [span[:2] for span in theirs.truth] == [[0, 10], [14, 19], [25, 36], [41, 45]]


def test_spans_side_by_side_of_a_peer_are_one() -> None:
    found = [Span(7, 10, "PHI"), Span(3, 6, "PHI"), Span(41, 45, "PHI")]
    assert [(span.begin, span.end) for span in _joined(TEXT, found)] == [(3, 10), (41, 45)]


def test_the_commonest_misses_are_told_by_shape() -> None:
    assert bench.shape("McDonald, JANE") == "XxXx, XX"
    assert bench.shape("H431 0391") == "H9 9"
    score = Score()
    score.add("a", len(TEXT), [[3, 10, "NAME"], [41, 45, "PLACE"]], [Span(41, 45, "PLACE")])
    score.add("b", len(TEXT), [[3, 10, "NAME"]], [])
    first, *rest = bench.commonest({"a": TEXT, "b": TEXT}, score)
    assert (first["kind"], first["shape"], first["count"], rest) == ("NAME", "Xx Xx", 2, [])
    assert "«Ann Lee»" in first["example"]


def test_figures_have_intervals_and_the_best_peer_beside_them() -> None:
    notes = [Note(str(number), "letter", TEXT, [[3, 10, "NAME"]]) for number in range(20)]
    ours, peer = Score(), Score()
    for number, note in enumerate(notes):
        ours.add(note.document, len(TEXT), note.truth, [Span(3, 10, "NAME")] if number else [])
        peer.add(note.document, len(TEXT), note.truth, [Span(0, 12, "PHI")] if number % 2 else [])
    recall, precision, theirs, _ = bench._figures(
        "set", notes, {bench.RULES: ours, next(iter(bench.PEERS)): peer}
    )
    assert (recall.value, recall.peer_value, theirs.value) == (0.95, 0.5, 0.5)
    assert recall.interval and recall.interval[0] < 0.95 <= recall.interval[1]
    assert precision.value == 1.0
    assert recall.parts and recall.parts["types"] == {
        "letter": {"spans": 20, "recall": 0.95, "interval": [0.7639, 0.9911]}
    }
    assert bench.some(notes, 5) == [notes[0], notes[4], notes[8], notes[12], notes[16]]
