"""A reader of identifiers that is trained here, on a few invented sentences in which the rules find nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.deidentify.text import KINDS, Ner, Span, find
from lockgate.deidentify.text.ner import marks, reaching, told
from lockgate.deidentify.text.nertrain import judge, train
from lockgate.errors import Refused, UsageError

pytest.importorskip("spacy", reason="spaCy (the extra ner) is not installed")

COLOURS = ("mauve", "teal", "ochre", "umber", "beige", "amber", "coral", "ivory",
           "khaki", "lilac", "olive", "peach", "plum", "ruby", "sepia", "slate")  # fmt: skip
SENTENCES = ("The gate is painted {}.", "Their gate was painted {} then.", "A gate, painted {}, on the left.")
UNSEEN = "We stood there. Her gate is painted crimson."


def letters() -> list[tuple[str, list[Span]]]:
    """Sentences in which the colour of a gate, and no other colour, identifies."""
    made: list[tuple[str, list[Span]]] = []
    for colour in COLOURS:
        for sentence in SENTENCES:
            begin = sentence.index("{}")
            made.append((sentence.format(colour), [Span(begin, begin + len(colour), "PLACE")]))
        made.append((f"The pain is {colour} and better.", []))
    return made


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return train(letters(), {"sets": ["gates"]}, passes=12, vary=False)


@pytest.fixture(scope="module")
def folder(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "gates"
    pipeline.to_disk(path)
    return path


def said(text: str, ner: Ner | None) -> list[str]:
    return [text[span.begin : span.end] for span in find(text, ner=ner)]


def test_a_trained_model_reads_what_the_rules_do_not(folder: Path) -> None:
    assert said(UNSEEN, None) == []
    assert said(UNSEEN, Ner.load(str(folder))) == ["crimson"]
    assert said("The pain is crimson and better.", Ner.load(str(folder))) == []


def test_it_takes_away_nothing_that_the_rules_find(folder: Path) -> None:
    text = "Seen by Dr Gurjeet Worthington, tel 01632 960123.\n" + UNSEEN
    assert set(said(text, None)) < set(said(text, Ner.load(str(folder))))


def test_offsets_hold_in_a_text_that_is_read_in_parts(folder: Path) -> None:
    padding = "The pain is much better now, no more of it.\n" * 600
    text = padding + UNSEEN + "\n" + padding + UNSEEN
    assert said(text, Ner.load(str(folder))) == ["crimson", "crimson"]
    unbroken = UNSEEN + " no pain" * 4000
    assert said(unbroken, Ner.load(str(folder))) == ["crimson"]
    assert said("\n \n", Ner.load(str(folder))) == said("", Ner.load(str(folder))) == []


def test_no_word_that_was_read_stays_in_the_model(folder: Path) -> None:
    ner = Ner.load(str(folder))
    said("Her gate is painted zorvathian.", ner)
    assert "zorvathian" not in ner._pipeline.vocab.strings


def test_the_same_letters_and_seed_train_the_same_model() -> None:
    few = letters()[:12]
    first, again, other = (train(few, {}, seed=seed, passes=2).to_bytes() for seed in (5, 5, 6))
    assert first == again != other


def test_the_folder_says_what_it_was_trained_on(folder: Path) -> None:
    about = json.loads((folder / "meta.json").read_text("utf-8"))["lockgate"]
    assert about["sets"] == ["gates"]
    assert about["letters"] == 64
    assert set(about["labels"]) <= {*KINDS, "O"}
    assert about["version"] and about["seed"] == 1


def test_a_model_of_another_form_is_refused(pipeline: Any, tmp_path: Path) -> None:
    pipeline.to_disk(tmp_path / "old")
    meta = tmp_path / "old" / "meta.json"
    about = json.loads(meta.read_text("utf-8"))
    about["lockgate"]["form"] -= 1
    meta.write_text(json.dumps(about))
    with pytest.raises(Refused, match="another version"):
        Ner.load(str(tmp_path / "old"))


def test_an_organisation_reaches_to_the_end_of_its_name() -> None:
    for text, begun, whole in (
        ("Asked Zorvath Moors HEMS today", "Zorvath", "Zorvath Moors HEMS"),
        ("via Zorvath adult social care by 5", "Zorvath", "Zorvath adult social care"),
        ("Hospitals of Zorvath and Quarn, seen", "Hospitals", "Hospitals of Zorvath and Quarn"),
        ("Zorvath is better", "Zorvath", "Zorvath"),
        ("Zorvath\nClinic", "Zorvath", "Zorvath"),
    ):
        begin = text.index(begun)
        span = reaching(text, Span(begin, begin + len(begun), "ORGANISATION"))
        assert text[span.begin : span.end] == whole
    name = Span(0, 4, "NAME")
    assert reaching("Lowe Clinic", name) == name


def test_plain_words_and_words_as_numbers_must_be_surer(pipeline: Any) -> None:
    def told_of(text: str, kinds: list[str], sure: list[float]) -> list[bool]:
        doc = pipeline.make_doc(text)
        told(doc)
        return marks(doc, sure, kinds, 0.02)

    assert told_of("went home zorvath", ["PLACE"] * 3, [0.1, 0.1, 0.1]) == [True] * 3
    assert told_of("went home today", ["PLACE"] * 3, [0.1, 0.1, 0.1]) == [False] * 3
    assert told_of("went home today", ["PLACE"] * 3, [0.1, 0.4, 0.01]) == [True, True, False]
    assert told_of("Zorvath 7 March", ["PHONE", "DATE", "DATE"], [0.1] * 3) == [False, True, True]


def test_a_model_is_judged_beside_the_rules(pipeline: Any) -> None:
    begin = UNSEEN.index("crimson")
    scores = judge(pipeline, [(UNSEEN, [Span(begin, begin + 7, "PLACE")])])
    assert {what: score.recall for what, score in scores.items()} == {"rules": 0.0, "rules and model": 1.0}


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(UsageError, match="nothing to train on"):
        train([("No identifiers.", [])], {})
