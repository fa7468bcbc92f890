"""A rule is asked only where it could hold: the cheap look before it is never narrower than the rule (decision 204)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lockgate.deidentify.text import (
    Known,
    addresses,
    again,
    announced,
    beginnings,
    beside,
    chains,
    codes,
    engine,
    find,
    fold,
    initials,
    joined,
    lines,
    oldest,
    patterns,
    record,
    schemes,
    signoffs,
    unlisted,
)
from lockgate.deidentify.text.beginnings import Beginnings, Outlines, after_capital, look
from lockgate.deidentify.text.fold import flatten, outline
from lockgate.deidentify.text.spans import EMAIL, URL, Span
from lockgate.deidentify.text.tokens import Tokens

ADA = Known.from_rows([{"given_name": "Oluwaseun", "family_name": "Adebayo-Clarke"}])
# Each holds something that one of the expressions below finds, some of them twice, at the ends, or run together.
TEXT = """Bleep 1234, next ext. 5678; reg bp 4321\nGMC no: 1234567 NMC PIN 12A3456B gphc 2012345 prescriber code 123456
Reg number AB12 CDE vehicle: XY99ZZZ number plate Q123 ABC\nOur ref: AB/12/3 your Ref KL99x OUR REF 7-7
typed by AB dictated by: XY checked by cd on 3/4\nSgd R Mackintosh, signed: t lowe\nlives at 12 Mill Lane
Address: The Old Vicarage, Church Row, moved to 4 High Street living at 9 Elm Grove home 7 Oak Way Flat 3, Rose Court
ending 1234 xx 5678 last 4 digits 9876 **432 ends in 555\nSpring 2021, summer of 1999 and Boxing Day 2020
dhillon_mri.pdf scan.DOCX, x.jpeg y.tiff.mp3 a.xlsx\nTTL  Nair  AIRWAY: Lund  ED Cons Okafor
Trauma Team Leader Nair | Nurse 2 Hill; Co-ordinator  J Moss\tDrugs Nurse: Day  Med SpR Long\nScribe Ashe
Lee to e-mail, Ann to rerefer, Jo to re-refer; Al to feed back, Bo to find out (aged 6) (12/12) (7y)
x ( daughter, her son)
x, pt's mum (patient's carer, nok)
(Band 6 RMN) (S/N, x) (ST3 y - student Physio, bank HCA.) - ward clerk, our Radiology.
Kim to hand over, will pick it, in no pain, is keen, has details, present in bits. Pat informed
ref no AB-123 Ref: 99/A1B PC Jones 1234 WPC 5678 no. 123456 nr 99887 badge AB123 payroll 55512"""
ANCHORED = [
    (patterns._BLEEP, patterns._BLEEP_CUES),
    (joined._FILE, joined._FILES),
    (signoffs._CELL, signoffs._ROLES),
    (signoffs._TASK, signoffs._TASK_FIRST),
    (signoffs._YOUNG, signoffs._YOUNG_FIRST),
    (signoffs._RELATED, signoffs._RELATED_FIRST),
    (beside._BRACKET, beside._BRACKET_FIRST),
    (beside._ROLE_AFTER, beside._ROLE_AFTER_FIRST),
    (beside._DOES, beside._DOING),
    (patterns._STAFF_NUMBER, patterns._STAFF_CUES),
    (patterns._VEHICLE_CUE, patterns._VEHICLE_CUE_FIRST),
    (patterns._OUR_REF, patterns._OUR_REF_FIRST),
    (patterns._TYPED_BY, patterns._TYPING),
    (initials._SIGNED, initials._SIGNS),
    (addresses._ADDRESS_CUE, addresses._LIVING),
    (addresses._HOUSE_CUE, addresses._LIVING_AT),
    (record._ENDING, record._ENDS),
    (codes._REF, codes._REF_FIRST),
    (lines._CODED, lines._CODED_FIRST),
]


@pytest.mark.parametrize(
    ("expression", "cues"), ANCHORED, ids=lambda value: getattr(value, "pattern", "")[:20]
)
def test_an_expression_tried_at_its_cues_finds_what_it_finds_everywhere(
    expression: re.Pattern[str], cues: Beginnings
) -> None:
    everywhere = [match.span() for match in expression.finditer(TEXT)]
    assert everywhere
    assert [
        match.span() for match in cues.matches(expression, TEXT, look(flatten(TEXT), outline(TEXT)))
    ] == everywhere


NAMED = """Mill Road, off Upper Mill Lane\nThe Old Kent Road. McNab Road x O'Neil-Hay Close Grove Way (Station Mews)
New Station Approach, Elm Tree Industrial Estate or St Mary Row\nOrmeau Park HC, Great St Bede Girls Boys. Ash CE
Upper Mill Hall Lane Court Road Sea View Parade Mill Cl Beech Rd St Annes RC Primary Kelder DGH Avenue
Royal Borough of Upper Mill and Great Kelder Unitary Borough Council, Ash and Elm Fire & Rescue Service (Kelder and
Great Ormeau Integrated Care Board; Ash & Elm Police, North and South Upper Ash Health and Social Care Trust"""
SHAPED = "RX1234567 AB-1234567 MORGA657054SM9IJ M9999657054999IJ"


@pytest.mark.parametrize(
    ("expression", "outlines", "steps"),
    patterns._LETTERS_FIRST,
    ids=lambda value: getattr(value, "pattern", "")[:20],
)
def test_what_an_expression_finds_has_one_of_its_outlines(
    expression: re.Pattern[str], outlines: Outlines, steps: tuple[int, ...]
) -> None:
    found = [match.start() for match in expression.finditer(SHAPED)]
    assert found
    there = outlines.places(look(flatten(SHAPED), outline(SHAPED)))
    for begin in found:
        assert any(begin + step in there for step in steps)


@pytest.mark.parametrize(
    ("expression", "ends", "words"),
    [
        (addresses._NAMED_ROAD, addresses._ROADS, 3),
        (addresses._OTHER_ROAD, addresses._OTHER_ROADS, 3),
        (announced._LETTERED, announced._LETTERS, 4),
        (chains._BODY, chains._BODIES, 9),
        (chains._POLICE, chains._POLICES, 6),
    ],
)
def test_an_expression_tried_before_its_last_word_finds_what_it_finds_everywhere(
    expression: re.Pattern[str], ends: Beginnings, words: int
) -> None:
    everywhere = [match.span() for match in expression.finditer(NAMED)]
    assert everywhere
    assert [
        match.span() for match in ends.led(expression, NAMED, look(flatten(NAMED), outline(NAMED)), words)
    ] == everywhere


@pytest.mark.parametrize(
    "given", [NAMED, TEXT, SHAPED, "\nAA 12345\n\nAda,\nB, A (CD/EF) a, 1234 A.B. A A A A"]
)
def test_every_outline_is_found_where_it_stands(given: str) -> None:
    form = outline(given)
    there = look(flatten(given), form)
    for outlines in beginnings._all_outlines:
        where = sorted(
            place for place in range(len(form)) for each in outlines.outlines if form.startswith(each, place)
        )
        assert outlines.places(there) == where
        assert outlines.stand(there) == bool(where)


@pytest.mark.parametrize(
    ("before", "capital"),
    [("near Upper Mill", True), ("O'Neil-hay", True), ("Mill-", True), ("(Mill", True), ("the mill", False),
     ("Mill,", False), ("", False), ("9Mill", False), ("\u00c9tang", False)],
)  # fmt: skip
def test_a_word_before_a_place_begins_with_a_capital(before: str, capital: bool) -> None:
    assert after_capital(before + " Road", len(before)) is capital


@pytest.mark.parametrize(
    "before",
    ["", "\n", "went to ", "x\t", "(", "a  ", "NHS ", "U. ", "U.  ", "he's ", " - ", "-- ", "end. ", "1) ", "3: ", "A ",
     "\n   ", "Dr) ", "/", "!", "now;  ", "A&"],
)  # fmt: skip
def test_where_a_name_stands_inside_is_told_by_what_is_before_it(before: str) -> None:
    rule = re.compile(r"(?:[a-z\d,;:)&/|>]|'s|[a-z]\)| -|[A-Z]{2}) {1,40}\Z|[(/\"]\Z| {3}\Z|\t\Z")
    assert unlisted._stands_inside(before + "Mill Hall", len(before)) is (rule.search(before) is not None)


@pytest.mark.parametrize(
    ("said", "announces"),
    [("policy", True), ("his Policy no.", True), ("(membership:", True), ("log,", True), ("cover", False), ("", False),
     ("catalog", False)],
)  # fmt: skip
def test_a_scheme_is_announced_by_the_last_word(said: str, announces: bool) -> None:
    assert schemes._may_announce(said) is announces
    assert bool(schemes._ANNOUNCED.search(said + " AX ")) is announces


@pytest.mark.parametrize("text", ["ring ext", "max x", "x", "", "t", "on", "no ", "2x", "the end", "tel"])
def test_an_ending_is_seen_by_its_last_characters(text: str) -> None:
    ends = ("ext", "x", "no", "end", "telephone")
    assert fold.Endings(*ends).end(text) is text.endswith(ends)


def test_accounts_and_addresses_are_found_whole() -> None:
    text = "jo dot bell at ash dot co dot uk, (kt+x (at) mill-hall.net) was at home dot. zz.b@gmail"
    assert [text[span.begin : span.end] for span in find(text) if span.kind == EMAIL] == [
        "jo dot bell at ash dot co dot uk", "kt+x (at) mill-hall.net", "zz.b@gmail",
    ]  # fmt: skip
    sites = "see ash.co.uk/x.com, (mill.org), a_b.com and/or elm.com-x; http://oak.info/y or www.fir.net"
    assert [sites[span.begin : span.end] for span in find(sites) if span.kind == URL] == [
        "ash.co.uk/x.com", "mill.org", "http://oak.info/y", "www.fir.net",
    ]  # fmt: skip


def test_an_outline_has_a_byte_for_each_character() -> None:
    assert outline("Dr Ng, 07700\n\u20ac5 \u2192 Kr\u00e9") == b"Aa Aa, 00000\n?0 ? Aa?"


def test_the_walk_passes_by_no_word_of_which_something_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Path(__file__).with_name("invented_notes.txt").read_text(encoding="utf-8")
    notes = re.sub("[\u00ab\u00bb]", "", notes)
    written = [
        form for note in notes.split("\n%%\n") for form in (note, note.lower(), note.title(), note.upper())
    ]
    asked = [find(text, ADA) for text in written]
    monkeypatch.setattr(engine, "_asked_of", lambda kinds: range(len(kinds) - 1))
    monkeypatch.setattr(engine, "PLACED", 0)
    monkeypatch.setattr(engine, "GIVEN", engine.SMALL)
    assert [find(text, ADA) for text in written] == asked
    assert sum(map(len, asked)) > 100


def test_a_value_after_the_last_word_is_seen() -> None:
    assert not find("Potassium 4.1, sodium 138, Creatinine 94, Alt 22.")


@pytest.mark.parametrize(
    "lead", ["parent ", "mother O'Brien ", "her aunt Jane Smith-jones ", "Aged about ", "who's now ", "F, "]
)
def test_what_tells_an_age_is_not_passed_by(lead: str) -> None:
    assert oldest._BEFORE.search(lead)
    assert oldest._may_tell(lead)


def test_people_are_called_by_words_and_initials() -> None:
    assert again._taken_apart("Kwame Boateng-Osei") == (
        ("kwame", "boateng-osei"),
        ("KB", "KB", "KBO", "BK"),
    )
    assert again._taken_apart("Na") == ((), ())


def test_what_a_function_says_is_remembered_until_it_is_too_much() -> None:
    asked: list[str] = []

    @fold.remembered(2)
    def long(word: str) -> bool:
        asked.append(word)
        return len(word) > 3

    assert [long(word) for word in ("Ann", "Anna", "Ann", "Anna")] == [False, True, False, True]
    assert asked == ["Ann", "Anna"]
    assert [long(word) for word in ("Joan", "Ann", "Joan")] == [True, False, True]
    assert asked == ["Ann", "Anna", "Joan", "Ann"]


def test_a_name_is_not_said_again_where_a_span_has_it() -> None:
    text = "Seen with Kwame Boateng. Boateng well."
    tokens = Tokens.of(text)
    first = Span(10, 23, "NAME")
    assert again.repeated(tokens, [first]) == [Span(25, 32, "NAME")]
    assert again.repeated(tokens, [first, Span(25, 32, "NAME")]) == []
