"""The free-text engine on tricky sentences: what must go, and what must stay."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.deidentify.text import KINDS, Known, SiteNames, Span, find, scrub_text
from lockgate.deidentify.text.spans import replace, resolve

AMINA = Known.from_rows(
    [
        {
            "given_name": "Amina",
            "middle_names": "Rose",
            "family_name": "O'Neill-Wheeler",
            "former_names": ["Skinner"],
            "nhs_number": "9434765919",
            "local_number": "RYJ18417739",
            "birth_date": date(1950, 3, 17),
            "address_line": "32 Battlefield Road, Lambs' Green",
            "city": "Bath",
            "postcode": "SY18 6AA",
            "phone": ["07700 900657"],
            "email": "amina.on@example.org",
            "gp_name": "Dr Omolola Harrington",
            "contact_names": ["Kiedis Bell"],
            "contact_phones": ["+44 20 7946 0203"],
        }
    ]
)
WILL = Known.from_rows([{"given_name": "Will", "family_name": "Young", "nhs_number": "4505577104"}])

# text with the parts that must go in «»; everything else must stay as it is
OWN = [
    "«Amina» slept well.",
    "«AMINA O'NEILL-WHEELER» and «O'Neill-Wheeler, Amina» and «amina» again",
    "Mrs «O'Neill» rang; Mrs «Wheeler»'s pulse; Ms «ONeill-Wheeler»",
    "known before as «Skinner»",
    "a letter for «A. O'Neill-Wheeler» today",
    "a letter for «A O'Neill-Wheeler» today",
    "«Amima» slept well",  # one letter wrong
    "«Amnia» slept well",  # two letters swapped
    "«AW» settled overnight",
    "«Am\u00adina» with a soft hyphen, «Ami\u0301na» with an accent",
    "number «943 476 5919» or «943-476-5919» or «9434765919» or «94 34 76 59 19»",
    "«RYJ18417739» and «18417739» and «RYJ 18417739»",
    "born «17/3/50», «17.03.1950», «1950-03-17», «17th March 1950», «17 Mar», «March 17, 1950»",
    "lives at «32 Battlefield Road, Lambs' Green, »«SY18 6AA» or «sy186aa»",
    "moved out of «Battlefield Road» then",
    "ring «07700900657» or «+44 7700 900657» or «07700 900 657»",
    "mail «amina.on@example.org»",
    "her friend «Kiedis» and Mr «Bell» on «020 7946 0203»",
    "GP Dr «Harrington» and «Omolola Harrington»",
]

OTHERS = [
    "Seen by Dr «Priya Nair-Jones» on the ward",
    "Dear Mrs «Okonkwo»,",
    "Yours sincerely,\n\n«Razvan Cain»\nConsultant",
    "his son «Tadhg» and his wife, «Eiko Mori», agreed",
    "«Ruby Metcalfe» rang for news",
    "d/w Dr «Salmon» (cardiology)",
    "NOK «Arthur Bhatti» «020 7946 0210» informed",
    "handed over to Staff Nurse «I Dunn».",
    "Secretary: «Christopher Cloud», tel «0161 496 0534»",
    "Patient: «SMITH, Janet» | «H92499844» | NHS «4967821367»",
    "GMC «3318521», NMC PIN «98I1234E»",
    "NI number «AB 12 34 56 C», car «AB12 CDE»",
    "see «https://example.org/notes/1?p=2» or «@janesmith»",
    "admitted «6/9/22», discharged «28th Oct», seen on «3/4»",
    "a «93» year old, «97»F, aged «104»",
    "works at «Cowden Primary School», admitted to «St Mary's Hospital»",
    "attended the «Rawfolds» walk-in clinic",
    "now lives in «Newtown Of Rockcliffe». Moved from «Chancery» in 2009",
    "Accession «RX7237142», our ref «AB/12345»",
    "Flat: «Flat 3, 12 Mill Lane, Upper Heyford, »«OX25 5AA»",
    "call on «(0161) 496 0534» or «+33 1 23 45 67 89»",
    "NHS No: «943 476 5918»",  # a wrong check digit, but announced as one
]

STAYS = [
    "Known Parkinson's disease and Crohn's, Bell's palsy, Hodgkin lymphoma; Murphy's sign negative",
    "Glasgow Coma Scale 15, Bristol stool type 6, Wells score 1.5; MMSE 26/30",
    "Dose reduced from 10/12 to 6/12; review at 3/52. BP 132/84, HR 76, SpO2 97%",
    "Will continue to mark the cellulitis margin. May need a further grant; hope to discharge in May.",
    "Frank haematuria x2, olive-green vomit. Brown sputum, rose pink base",
    "Penny and Rose wards are full; bay 4 bed 12. He was reading in the bath.",
    "Started on Mr-release (MR) gliclazide 30mg. Potassium 4.1, sodium 138, creatinine 94",
    "Given IV 1.2 g co-amoxiclav at 14:30, lactate 2.1. Ratio 1:4. Page 2 of 3",
    "GP to kindly repeat U&E in 2 weeks. Obs stable at 3am. Grade 2 pressure sore.",
    "She has had asthma since 2009. An 89 year old. 95 mg of it, 97% of them",
    "refer to the memory clinic, the Eye Hospital or the Acute Medical Unit",
    "",
]


def marked(text: str) -> tuple[str, list[str]]:
    """The sentence without its marks, and the parts that were marked."""
    parts = [part.split("»")[0] for part in text.split("«")[1:]]
    return text.replace("«", "").replace("»", ""), parts


def covered(text: str, spans: list[Span]) -> list[str]:
    return [text[span.begin : span.end] for span in spans]


@pytest.mark.parametrize("sentence", OWN)
def test_own_identifiers_go(sentence: str) -> None:
    text, parts = marked(sentence)
    assert covered(text, find(text, AMINA)) == parts


@pytest.mark.parametrize("sentence", OTHERS)
def test_identifiers_of_nobody_known_go(sentence: str) -> None:
    text, parts = marked(sentence)
    assert covered(text, find(text)) == parts


@pytest.mark.parametrize("known", [None, AMINA, WILL], ids=["nobody", "amina", "will"])
@pytest.mark.parametrize("sentence", STAYS)
def test_medicine_stays(sentence: str, known: Known | None) -> None:
    assert covered(sentence, find(sentence, known)) == []


def test_a_name_that_is_a_word_goes_where_it_is_a_name() -> None:
    text = "Will attended with Mr Young. Seen with Will today. Will need review. young for it. WILL YOUNG"
    assert covered(text, find(text, WILL)) == ["Will", "Young", "Will", "WILL YOUNG"]


def test_somebody_introduced_once_is_found_again() -> None:
    text = "her son Zbyszek visited. Later Zbyszek left."
    assert covered(text, find(text)) == ["Zbyszek", "Zbyszek"]


def test_kinds_and_whose_they_are() -> None:
    text = "Amina, NHS 9434765919, son Kiedis, Dr Harrington, born 17/03/1950, seen 18/03/2021"
    kinds = [(span.kind, span.own) for span in find(text, AMINA)]
    assert kinds == [
        ("NAME", True), ("NHS NUMBER", True), ("RELATIVE", False), ("STAFF", False),
        ("DATE OF BIRTH", True), ("DATE", False),
    ]  # fmt: skip
    assert {kind for kind, _ in kinds} <= KINDS.keys()


def test_names_of_the_site_are_found_without_a_cue() -> None:
    site = SiteNames.of(
        staff=["Farzana Aslam"], organisations=["Millpond Family Doctors"], places=["Lockbridge"]
    )
    text = "Farzana Aslam wrote. ASLAM, Farzana too. To Millpond Family Doctors, Lockbridge. lockbridge stool chart"
    assert covered(text, find(text, None, site)) == [
        "Farzana Aslam", "ASLAM, Farzana", "Millpond Family Doctors, ", "Lockbridge",
    ]  # fmt: skip
    assert SiteNames.of() is None


def test_tags_stand_where_identifiers_stood() -> None:
    safe, spans = scrub_text("Mrs Wheeler, NHS 943 476 5919, lives in Hawkhurst.", AMINA)
    assert safe == "Mrs [NAME], NHS [NHS NUMBER], lives in [PLACE]."
    assert [span[:3] for span in spans] == [(4, 11, "NAME"), (17, 29, "NHS NUMBER"), (40, 49, "PLACE")]


spans = st.builds(
    lambda begin, length, kind, own: Span(begin, begin + length, kind, own),
    st.integers(0, 40), st.integers(1, 12), st.sampled_from(["NAME", "DATE", "PHONE"]), st.booleans(),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(spans, max_size=12))
def test_resolved_spans_do_not_overlap_and_cover_the_same(found: list[Span]) -> None:
    kept = resolve(found)
    assert all(left.end <= right.begin for left, right in pairwise(kept))
    cover = {place for span in found for place in range(span.begin, span.end)}
    assert {place for span in kept for place in range(span.begin, span.end)} == cover
    text = "".join(chr(97 + n % 26) for n in range(60))
    assert len(replace(text, kept)) >= len(text) - len(cover)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(
                [
                    "Amina",
                    "943 476 5919",
                    "Dr ",
                    "17/3/1950",
                    " son ",
                    "\n",
                    "Hospital",
                    "\u200b",
                    "ﬁ",
                    "İ",
                    "SY18 6AA",
                    "'s ",
                    "Mr ",
                ]
            ),
        ),
        max_size=12,
    )
)
def test_any_text_gives_spans_inside_it_and_ends(parts: list[str]) -> None:
    text = "".join(parts)
    found = find(text, AMINA)
    assert all(0 <= span.begin < span.end <= len(text) for span in found)
    assert all(left.end <= right.begin for left, right in pairwise(found))


def test_long_texts_take_linear_time() -> None:
    """Repetition that makes careless expressions explode: every one of these ends quickly."""
    for piece in ("1 ", "0", "A. ", "Dr ", "07700 9", "12/", "a'b-", "Road ", "1 Aa ", "NHS ", "@a.", "St "):
        find(piece * 20_000, AMINA)


def test_every_number_of_the_record_is_looked_for() -> None:
    known = Known.from_rows(
        [
            {
                "given_name": "Amina",
                "nhs_number": "9434765919",
                "local_number": "RYJ18417739",
                "identifiers": [
                    "https://fhir.nhs.uk/Id/nhs-number|9434765919",
                    "https://old.example/mrn|QK-88417",
                    "lab|77420931",
                ],
            }
        ]
    )
    text = "Seen as QK88417 and 77420931, NHS 943 476 5919."
    found = {text[span.begin : span.end]: span.kind for span in find(text, known)}
    assert set(found) == {"QK88417", "77420931", "943 476 5919"}
    assert found["943 476 5919"] == "NHS NUMBER"
