"""Capitalised words that no rule finds: what speaks for a name is weighed, and medicine and headings stay."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import Span, engine, evidence, evidencetrain, find
from lockgate.deidentify.text.fold import fold
from lockgate.deidentify.text.tokens import Tokens

LEFT = [
    "Zorvathian. Paracetamol given.",
    "Penny wards are full. Reading and writing. Called at 9.",
    "CELLULITIS OF THE LEG XQ NOTED",
    "Transferred to Majors. Best Supportive Care to continue.",
    "Ivor Lewis oesophagectomy, Braxton Hicks contractions.",
    "Spoke to Police. Asked the Council. The NHS App.",
    "Ward 7A, B4, 12B.",
]


@pytest.mark.parametrize("text", LEFT)
def test_what_names_nothing_stays(text: str) -> None:
    assert evidence.evident(Tokens.of(text), []) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("she supplies from Hecks. A cousin", "Hecks"),
        ("one more, and Terry, our volunteer", "Terry"),
        ("staying at Cotton Rooms this week", "Cotton Rooms"),
        ("licensee of Rose and Crown in town", "Rose and Crown"),
        ("his dog Poppy is with her", "Poppy"),
    ],
)
def test_what_only_its_neighbours_tell(text: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [text[span.begin : span.end] for span in find(text)] == [named]
    monkeypatch.setattr(engine.evidence, "evident", lambda tokens, spans: [])
    assert find(text) == []


def test_what_a_span_has_is_not_asked_again() -> None:
    text = "staying at Cotton Rooms this week"
    assert evidence.evident(Tokens.of(text), []) == [Span(11, 23, "ORGANISATION")]
    assert evidence.evident(Tokens.of(text), [Span(11, 23, "PLACE")]) == []


def test_the_sum_is_that_of_the_features() -> None:
    tokens = Tokens.of(
        fold("Seen by Dr Hill at Oak Lodge, Ely.\nT/C mum (Jan)\n- no ALLERGIES; Ward 4\tK Cutting")[0]
    )
    weights = evidence._weights()
    for place in range(len(tokens.words)):
        told = set(evidence.features(tokens, place))
        plain = weights[""] + sum(weights.get(feature, 0) for feature in told)
        assert evidence._sum(tokens, place) == plain
    assert all(
        isinstance(weight, int) for weight in weights.values()
    )  # the order of adding makes no difference


def test_weights_hold_words_of_the_language_only() -> None:
    from lockgate.deidentify.text.capitals import capitals
    from lockgate.deidentify.text.guards import ABBREVIATIONS
    from lockgate.deidentify.text.lists import english

    known = english() | capitals() | {word.lower() for word in ABBREVIATIONS}
    words = {feature.rpartition("w=")[2] for feature in evidence._weights() if "w=" in feature}
    assert len(words) > 300
    assert words - known == set()


def test_learning_finds_what_was_planted_and_nothing_of_one_set_alone() -> None:
    pytest.importorskip("sklearn")
    people = ("Zorva", "Quillip", "Brenka", "Tosvik", "Yelmar", "Drubin")
    letters = {
        name: [(f"seen by {who}. Nil else. {odd}", [Span(8, 8 + len(who), "NAME")]) for who in people]
        for name, odd in (
            ("one", "and Tea"),
            ("two", "or Tea"),
            ("three", "Wobbly Egg"),
            ("four", "Wobbly Egg"),
        )
    }
    weights = evidencetrain.train(letters)
    assert weights["-1 w=by"] > 50
    assert not any("wobbly" in feature for feature in weights)
    assert evidencetrain.train(letters) == weights
