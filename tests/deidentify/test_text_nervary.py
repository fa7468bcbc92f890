"""Letters with other values where identifiers stand: the marks stay on what identifies."""

from __future__ import annotations

import random
from itertools import pairwise

from lockgate.deidentify.text import KINDS, Span
from lockgate.deidentify.text.nervary import varied

TEXT = """Whinmoor Infirmary
Seen 12 March 2024 by Dr Anna Lowe, ref H3165009.
Lives in Leeds with her son TOM. Started amoxicillin, Hoehn and Yahr 2.
bleep 4471 KL"""
MARKS = {
    "Whinmoor Infirmary": "ORGANISATION", "12 March 2024": "DATE", "Anna Lowe": "STAFF",
    "H3165009": "HOSPITAL NUMBER", "Leeds": "PLACE", "TOM": "RELATIVE", "4471": "PHONE", "KL": "STAFF",
}  # fmt: skip
LETTER = (
    TEXT,
    [Span(TEXT.index(value), TEXT.index(value) + len(value), kind) for value, kind in MARKS.items()],
)


def drawn(times: int = 300) -> list[tuple[str, list[Span]]]:
    rng = random.Random(8)
    return [varied(LETTER, rng) for _ in range(times)]


def test_marks_stay_on_values_in_order_and_apart() -> None:
    for text, spans in drawn():
        values = [text[span.begin : span.end] for span in spans]
        assert all(value and value == value.strip() for value in values)
        assert all(first.end <= second.begin for first, second in pairwise(spans))
        assert {span.kind for span in spans} <= set(KINDS)
        assert len(spans) >= len(MARKS)


def test_what_stands_beside_a_value_stays_beside_it() -> None:
    for text, spans in drawn():
        number = next(span for span in spans if span.kind == "HOSPITAL NUMBER")
        assert text[: number.begin].lower().endswith("ref ")
        assert text[number.begin : number.end][1:].isdigit()
        day = next(span for span in spans if span.kind == "DATE")
        assert text[day.begin : day.end].lower() == "12 march 2024"


def test_names_bodies_and_places_are_many_and_keep_their_form() -> None:
    letters = drawn()
    for kind, before, least in (
        ("RELATIVE", "her son ", 100),
        ("PLACE", "lives in ", 80),
        ("STAFF", " by ", 100),
    ):
        values = {
            text[span.begin : span.end]
            for text, spans in letters
            for span in spans
            if span.kind == kind and text[: span.begin].removesuffix("Dr ").lower().endswith(before)
        }
        assert len(values) > least
        assert sum(value.isupper() for value in values) > 90 or kind != "RELATIVE"


def test_titles_are_left_out_and_values_kept_only_now_and_then() -> None:
    texts = [text for text, _ in drawn()]
    assert 0 < sum("Dr " not in text for text in texts) < 100
    assert 50 < sum("Leeds" in text for text in texts) < 200
    assert all("amoxicillin" in text.lower() for text in texts)


def test_the_same_seed_varies_alike() -> None:
    assert drawn(20) == drawn(20)
