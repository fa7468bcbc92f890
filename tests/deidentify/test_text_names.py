"""Names that nobody announced, told from the words of medicine: invented notes, with the parts that must go in «»."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lockgate.deidentify.text import Known, Ner, Span, find
from lockgate.deidentify.text.classes import class_of
from lockgate.deidentify.text.metrics import Score
from lockgate.errors import Refused

NOTES = Path(__file__).with_name("invented_notes.txt")


def marked(note: str) -> tuple[str, list[list[Any]]]:
    """The text without its marks, and the spans between them."""
    text, spans, begin = "", [], 0
    for part in re.split("([«»])", note):
        if part == "«":
            begin = len(text)
        elif part == "»":
            spans.append([begin, len(text), "IDENTIFIER"])
        else:
            text += part
    return text, spans


def found(text: str, known: Known | None = None) -> list[str]:
    return [text[span.begin : span.end] for span in find(text, known)]


def test_invented_notes_by_rules_alone() -> None:
    score = Score()
    for number, note in enumerate(NOTES.read_text(encoding="utf-8").split("\n%%\n")):
        text, truth = marked(note)
        score.add(str(number), len(text), truth, find(text))
    assert score.spans.total() > 180
    assert score.recall >= 0.93, score.missed
    assert score.precision >= 0.93, score.wrong


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Patient Gurjeet Worthington was reviewed.", ["Gurjeet Worthington"]),
        ("Update given to Tillie-Rose HULME. Seen.", ["Tillie-Rose HULME"]),
        ("We met Abdiwahid today.", ["Abdiwahid"]),
        ("SZCZEPANSKI, Bartlomiej (clinic)", ["SZCZEPANSKI, Bartlomiej"]),
        ("| Obi, Chukwuemeka | B4 |", ["Obi, Chukwuemeka"]),
        ("rhiannon curry settled overnight.", ["rhiannon curry"]),
        ("his son gareth rang", ["gareth"]),
        ("Address: 39 Rookwood Parade, Montacute, TA15 6SH", ["39 Rookwood Parade, Montacute, ", "TA15 6SH"]),
        ("Device serial: PJN448120S fitted", ["PJN448120S"]),
        ("Organisation: COUNTY HOSPITAL | Ward", ["COUNTY HOSPITAL"]),
        ("He works at Brightwater Logistics now", ["Brightwater Logistics"]),
        ("bleep 4417 please", ["4417"]),
        ("Hosp No. H431 0391 seen", ["H431 0391"]),
    ],
)
def test_names_and_numbers_go(text: str, names: list[str]) -> None:
    assert found(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "Started on Clexane and Laxido Orange.",
        "Helicobacter Pylori negative, Staphylococcus Aureus grown.",
        "Ramsay Hunt syndrome; Braxton Hicks contractions; Ivor Lewis oesophagectomy.",
        "Discharge Summary. Presenting Complaint: Chest Pain.",
        "Reviewed on Acute Medical Ward. Troponin 412, BNP 1200.",
        "BP 120/80, sats 97 %, given over 4/52 then 10/12 to 11/12",
        "Hypothyroidism, Gastroenteritis and Microalbuminuria.",
    ],
)
def test_words_of_medicine_stay(text: str) -> None:
    assert found(text) == []


def test_classes() -> None:
    said = {
        "rhiannon": "given",
        "worthington": "family",
        "baker": "name and word",
        "nausea": "word",
        "clexane": "word",
    }
    assert {word: class_of(word) for word in said} == said
    assert class_of("abdiwahidx") == "stranger"
    assert class_of("post-op") == class_of("x-ray") == "word"


def test_short_forms_and_initials_are_the_patients_own() -> None:
    james = Known.from_rows([{"given_name": "James", "family_name": "Brown"}])
    for text in ("Jim felt better", 'signs his name "J.B."', "RE: JB 2737634", "Pt: Brown, J / 999"):
        assert any(span.own for span in find(text, james)), text


class FakePipeline:
    """Names every run of capitals a person, as a model of newspapers would."""

    pipe_names = ("ner",)
    max_length = 1_000_000

    def __call__(self, text: str) -> Any:
        matches = re.finditer(r"\b[A-Z]\w+", text)
        return SimpleNamespace(
            ents=[SimpleNamespace(start_char=m.start(), end_char=m.end(), label_="PERSON") for m in matches]
        )


def test_a_model_adds_names_but_no_words_of_medicine() -> None:
    text = "Zorvathian. Paracetamol given. Hypertension."
    assert find(text) == []
    assert find(text, ner=Ner(FakePipeline())) == [Span(0, 10, "NAME")]


def test_a_model_that_is_not_there_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(Refused, match="not installed") as refused:
        Ner.load("en_core_web_sm")
    assert "lockgate[ner]" in str(refused.value.remedy)
    broken = ModuleType("spacy")

    def load(model: str, **options: Any) -> Any:
        raise OSError(model)

    broken.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spacy", broken)
    with pytest.raises(Refused, match="can't be loaded"):
        Ner.load("no_such_model")
