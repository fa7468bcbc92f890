"""What the gate withholds: other languages, wrong patients, what the audit finds when the engine does not."""

from __future__ import annotations

from datetime import date

import pytest

from lockgate.deidentify.text import Known, engine, patterns, scrub_note
from lockgate.deidentify.text.scrub import REASONS

ROW = {
    "given_name": "Amina",
    "family_name": "Wheeler",
    "nhs_number": "9434765919",
    "local_number": "RYJ18417739",
    "birth_date": date(1950, 3, 17),
    "address_line": "32 Battlefield Road",
    "postcode": "SY18 6AA",
    "phone": ["07700 900657"],
    "email": "a.w@example.org",
}
AMINA = Known.from_rows([ROW])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Pacjent czuje się dobrze", "other-language"),
        ("Mae'r claf wedi bod yn yr ysbyty gyda phoen", "other-language"),
        ("El paciente refiere dolor desde ayer y está mejor", "other-language"),
        ("Der Patient wurde mit Schmerzen aufgenommen und nach Hause entlassen", "other-language"),
        ("Bolnav fara dureri, externat pentru control dupa o luna", "other-language"),
        ("Seen today, well.\n\nPacjentka nie zgłasza bólu i jest w dobrym stanie.", "other-language"),
        ("kita telah memeriksa semua hasil laboratorium terakhir dokter akan menelepon keluarga besok pagi sebelum "
         "pulang dari klinik bersama seorang perawat senior", "other-language"),
        ("患者は元気です", "other-script"),
        ("المريض محمد بخير", "other-script"),
        ("Seen with 王小明 today", "other-script"),
        ("Пациент Иванов", "other-script"),
        ("Ο Γιώργος ήρθε", "other-script"),
    ],
)  # fmt: skip
def test_what_the_engine_cannot_read_is_withheld(text: str, reason: str) -> None:
    note = scrub_note(text)
    assert (note.text, note.reason) == (None, reason)
    assert reason in REASONS


@pytest.mark.parametrize(
    "text",
    [
        "β-blocker and 5 μg, pH 7.4, 38.2°C, 50 £",
        "Seen with Mrs de la Cruz and Mr van der Berg, on paracetamol od.",
        "PT well NAD",
        "Na 138 K 4.1 Cr 77 Hb 120 WCC 7",
        "Paracetamol 1 g qds, ibuprofen 400 mg tds, omeprazole 20 mg od, senna 15 mg nocte, codeine 30 mg prn, "
        "metformin, bisoprolol, ramipril, amlodipine, atorvastatin, aspirin, clopidogrel, furosemide, ferrous sulphate",
        "Lives in Ysbyty Ystwyth, Heol y Bont. Café au lait spots, naïve T cells.",
    ],
)
def test_english_notes_are_not(text: str) -> None:
    assert scrub_note(text).reason is None


@pytest.mark.parametrize(
    "text",
    [
        "Patient: Joseph Harding\nDOB: 02/04/1961\nSeen in clinic with chest pain.",
        "Re: Mr J Harding, 4 High Street\nChest pain.",
        "NHS number 943 476 5870. Chest pain today.",
        "Date of birth: 2 April 1961\nChest pain.",
        "Hospital no: RYJ22334455. Chest pain.",
        "Name: Zainab WHEELER  NHS No: 943 476 5870\nChest pain.",  # a relative's: the family name fits
    ],
)
def test_a_note_about_somebody_else_is_withheld(text: str) -> None:
    note = scrub_note(text, AMINA)
    assert (note.text, note.reason) == (None, "another-patient")
    assert note.spans


@pytest.mark.parametrize(
    "text",
    [
        "Patient: Amina Wheeler\nNHS number 943 476 5870 is her mother's.",
        "Re: Mina Wheeler, DOB 17/03/1950",  # as she is called
        "Name: A WHEELER\nChest pain.",
        "Chest pain. Son Joseph (DOB 02/04/1961) was there.",
        "Re: knee pain\nReviewed by Dr Harding.",
        "RYJ18417739. NHS number 943 476 5870: wrong number in the header.",
        "Seen today, all well.",
    ],
)
def test_a_note_that_fits_or_says_nothing_passes(text: str) -> None:
    assert scrub_note(text, AMINA).reason is None


def _without(name: str) -> object:
    return lambda *given, **named: []


# (what is taken out of the engine, a note, the check of the audit that must stop it)
VALUES, SHAPES, WALK, FIND = "record.own_values", "_shapes", "_walk", "find"
UNLISTED, EVIDENT = "unlisted.unlisted", "evidence.evident"
MUTANTS = [
    ((VALUES, SHAPES), "number 943 476 5919", "own-number"),
    ((VALUES, SHAPES), "call 07700-900657", "own-number"),
    ((VALUES, SHAPES), "id RYJ18417739 on the list", "own-number"),
    ((VALUES, SHAPES), "near SY18 6AA", "own-postcode"),
    ((VALUES, SHAPES, UNLISTED, EVIDENT), "at 32 Battlefield Road", "own-address"),
    ((VALUES, SHAPES), "write to a.w@example.org", "own-email"),
    ((SHAPES,), "born 17/03/1950 in Leeds", "own-birth-date"),
    ((WALK,), "amina wheeler came", "own-full-name"),
    ((WALK, EVIDENT), "Mrs Wheeler came", "own-name"),
    ((FIND,), "Amina came", "own-name"),
]


@pytest.mark.parametrize(("names", "text", "reason"), MUTANTS)
def test_the_audit_stops_what_an_engine_without_a_rule_lets_through(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], text: str, reason: str
) -> None:
    assert scrub_note(text, AMINA).reason is None
    for name in names:
        monkeypatch.setattr(f"lockgate.deidentify.text.engine.{name}", _without(name))
    note = scrub_note(text, AMINA)
    assert (note.text, note.reason) == (None, reason)


def test_the_audit_does_not_use_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in list(vars(patterns).items()):
        if getattr(value, "__module__", "") == patterns.__name__:
            monkeypatch.setattr(patterns, name, _without(name))
    monkeypatch.setattr(engine, "find", _without("find"))
    for value in ("943 476 5919", "SY18 6AA", "07700 900657", "Amina", "17.03.1950"):
        assert scrub_note(f"seen {value} today", AMINA).text is None
