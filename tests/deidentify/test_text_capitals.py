"""Names by their capital alone, things that are none, people found again, reference numbers by shape."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find


def _found(text: str) -> list[str]:
    return [text[span.begin : span.end] for span in find(text)]


@pytest.mark.parametrize(
    "text, name",
    [
        ("He was told Oyelowska would ring.", "Oyelowska"),
        ("Transferred from Llanidloes last night.", "Llanidloes"),
        ("She was a dinner lady at Sacred Heart for years.", "Sacred Heart"),
        ("The bus to Betws-y-Coed is late.", "Betws-y-Coed"),
        (
            "Lives at The Old Vicarage, Church Row, Upper Slaughter.",
            "The Old Vicarage, Church Row, Upper Slaughter",
        ),
        ("copy to Drs Bevan, Shah & Partners please", "Drs Bevan, Shah & Partners"),
    ],
)
def test_a_capital_inside_a_sentence_names_somebody_or_some_place(text: str, name: str) -> None:
    assert name in _found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dressed with Biatain and Urgotul to the heel.",
        "Schatzker III plateau fracture, Hurley II disease.",
        "Grew Morganella and Serratia, resistant.",
        "Pupils equal, no Horner's, no Lynch or Cowden features.",
        "Airway grade by Cormack 2b, Eschmann used.",
        "Her mother had Huntington's, father Parkinson's.",
        "Referred to Tissue Viability.",
    ],
)
def test_products_germs_grades_and_signs_are_nobody(text: str) -> None:
    assert _found(text) == []


def test_somebody_introduced_is_found_again_by_a_word_initials_and_in_small_letters() -> None:
    text = "Seen by Dr Kwame Boateng.\nBoateng to review, KB to call. kwame will return."
    assert {"Boateng", "KB", "kwame"} <= set(_found(text))


def test_names_beside_names_are_found() -> None:
    assert {"Marcus", "Hepzibah"} <= set(_found("Visited by her sons Marcus and Hepzibah today."))


@pytest.mark.parametrize(
    "text, number",
    [
        ("Police, collar no. KD 4471, attended.", "4471"),
        ("police ref CAD 3321/14JUN given", "CAD 3321/14JUN"),
        ("Brought by PC Lockwood (78497), calm.", "78497"),
        ("Sponsor code, Subject 55667, randomised.", "55667"),
        ("an old friend, who died last year at 94.", "94"),
    ],
)
def test_reference_numbers_and_old_ages_by_their_surroundings(text: str, number: str) -> None:
    assert any(number in found for found in _found(text))


@pytest.mark.parametrize(
    "text", ["Na 121, K 5.4.", "Given 1000 ml over 8 h.", "In 1998 he had mumps.", "Seen at 1430."]
)
def test_amounts_years_and_times_are_no_reference_numbers(text: str) -> None:
    assert _found(text) == []
