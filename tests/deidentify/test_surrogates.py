"""What stands in the place of a tag: of the same kind and shape, consistent, and never what was there."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.deidentify.text import Known, Shown, moved, render, scrub_note
from lockgate.deidentify.text.audit import residue
from lockgate.deidentify.text.known import from_notes_format, squeeze
from lockgate.deidentify.text.stands import Describer, Form, from_json, to_json
from lockgate.deidentify.text.surrogates import group_of, pools
from lockgate.schema import nhs_number

ROW = {
    "patient_id": "7",
    "given_name": "Amina",
    "family_name": "Wheeler",
    "nhs_number": "9434765919",
    "local_number": "RYJ18417739",
    "birth_date": date(1950, 3, 17),
    "address_line": "32 Battlefield Road",
    "postcode": "SY18 6AA",
    "phone": ["07700 900657"],
    "email": "amina.w7@example.org",
    "contact_names": ["Zainab Wheeler"],
}
KNOWN = Known.from_rows([ROW])
KEY, OTHER = b"a" * 32, b"b" * 32
NOTE = (
    "Re: WHEELER, Amina (DOB 17/03/1950) NHS No 943 476 5919, MRN RYJ18417739\n"
    "32 Battlefield Road, SY18 6AA. Tel 07700 900657 or 0113 272 4000, amina.w7@example.org\n"
    "I saw Amina on Monday 4 March 2024 and 11/03/2024 with her sister Zainab; AW is aged 94. Car AB12 CDE."
)


def shown(text: str, key: bytes = KEY, whose: str = "patient 7", **options: Any) -> str:
    """A note of the patient with surrogates."""
    form = Shown("surrogates", options.pop("dates", "shift"), key, oldest=1930)
    out = form.render(scrub_note(text, KNOWN, None, form.describer(whose, KNOWN)), whose)
    assert out is not None
    return out


def test_surrogates_keep_kind_case_order_and_spacing() -> None:
    out = shown(NOTE)
    header = re.match(
        r"Re: ([A-Z'-]+), ([A-Z][\w'-]+) \(DOB (\d\d/\d\d/1950)\) NHS No (999 \d{3} \d{4}), MRN ", out
    )
    assert header, out
    assert nhs_number.valid(header[4])
    assert re.search(r"MRN [A-Z]{3}\d{8}\n\d\d [A-Z][a-z]+ Road, [QVX][A-Z]\d\d \d[A-Z]{2}\. Tel ", out)
    assert re.search(r"Tel 07700 900\d{3} or 0113 496 0\d{3}, ", out)
    assert re.search(r"[a-z'-]+\.[a-z]\d@example\.org\n", out)
    assert f"I saw {header[2]} on " in out and f"; {header[2][0]}{header[1][0]} is aged 90+." in out
    assert re.search(r"Car Q[A-Z]\d\d [A-Z]{3}\.", out)


def test_the_same_person_has_the_same_surrogates_in_every_note_and_another_key_others() -> None:
    name = re.search(r"I saw (\w+) on", shown(NOTE))
    assert name is not None
    assert shown("Amina is well") == f"{name[1]} is well"
    assert shown("AMINA was seen") == f"{name[1].upper()} was seen"
    others = {shown("Amina is well", bytes([n]) * 32) for n in range(20)}
    assert len(others) > 8
    patients = {shown("Amina is well", whose=f"patient {n}") for n in range(20)}
    assert len(patients) > 8  # who has the same name has not the same surrogate


def test_nothing_of_the_record_is_drawn_whatever_the_key() -> None:
    note = scrub_note(NOTE, KNOWN, None, Describer(KEY, "7", KNOWN))
    assert note.text is not None
    originals = {
        NOTE[span.begin : span.end].lower() for span in note.spans if span.kind not in ("DATE", "AGE")
    }
    for n in range(300):
        form = Form(True, "shift", n.to_bytes(16, "big"), offset=n + 1, oldest=1930)
        out = render(note.text, note.stands, form)
        assert residue(out, KNOWN) is None
        assert not {value for value in originals if re.search(rf"\b{re.escape(value)}\b", out.lower())}


def test_stand_ins_hold_no_value_and_survive_their_json() -> None:
    note = scrub_note(NOTE, KNOWN, None, Describer(KEY, "7", KNOWN))
    kept = to_json(note.stands)
    assert kept is not None and from_json(kept) == [tuple(stand) for stand in note.stands]
    for value in (
        "wheeler",
        "amina",
        "zainab",
        "battlefield",
        "sy18",
        "9434765919",
        "18417739",
        "900657",
        "1950-03-17",
    ):
        assert value not in squeeze(kept) and value not in kept.lower()
    assert from_json(None) == [] and to_json([]) is None


def test_the_audit_looks_before_any_surrogate_is_drawn() -> None:
    left = "scan saved as aminaWheelerscan.pdf"
    form = Shown("surrogates", "shift", KEY)
    note = scrub_note(left, KNOWN, None, form.describer("patient 7", KNOWN))
    assert (note.text, note.reason, note.stands) == (None, "own-full-name", [])
    assert form.render(note, "patient 7") is None


def test_dates_move_together_with_their_weekdays() -> None:
    note = scrub_note(NOTE, KNOWN, None, Describer(KEY, "7", KNOWN, "dates"))
    assert note.text is not None
    for offset in (-300, -1, 3, 365):
        out = render(note.text, note.stands, Form(dates="shift", offset=offset))
        one, two = date(2024, 3, 4) + timedelta(offset), date(2024, 3, 11) + timedelta(offset)
        assert f"on {one:%A} {one.day} {one:%B %Y} and {two:%d/%m/%Y} with" in out
        assert "DOB [DATE OF BIRTH]" in out and "[NAME]" in out
    assert "on March 2024 and 03/2024 with" in render(note.text, note.stands, Form(dates="month"))
    assert "on Monday 4 March 2024 and 11/03/2024" in render(note.text, note.stands, Form(dates="exact"))
    assert render(note.text, note.stands, Form()) == note.text
    # nobody's offset is known: the month, as in the tables
    assert "03/2024" in render(note.text, note.stands, Form(dates="shift", offset=None))


@pytest.mark.parametrize(
    "text",
    [
        "born 3/17/1950 in",
        "her birthday 17 March",
        "d.o.b. 17.3.50",
        "husband (dob 12/3/1941)",
        "son born 4 May 1980",
    ],
)
def test_no_birth_date_is_shown_as_a_date(text: str) -> None:
    note = scrub_note(text, KNOWN, None, Describer(KEY, "7", KNOWN))
    assert note.text is not None
    assert not any(stand.atoms[0][0] == "d" for stand in note.stands)
    assert render(note.text, note.stands, Form(dates="exact")) == note.text


def test_a_birth_date_has_another_day_of_its_year_unless_that_is_too_old() -> None:
    note = scrub_note("DOB 17/03/1950", KNOWN, None, Describer(KEY, "7", KNOWN))
    assert note.text is not None
    for n in range(50):
        out = render(note.text, note.stands, Form(True, key=bytes([n]) * 16, oldest=1950))
        assert re.fullmatch(r"DOB \d\d/(?!03)\d\d/1950", out), out
    assert render(note.text, note.stands, Form(True, key=KEY, oldest=1951)) == "DOB [DATE OF BIRTH]"


def test_ages_above_the_top_age_are_shown_as_one() -> None:
    text = "An 87-year-old, aged 86; 88F, 91 yo. Aged 85. Fell 87 years ago, 87 mg, BP 187/87, sats 88%, aged 70."
    note = scrub_note(text, KNOWN, None, Describer(KEY, "7", KNOWN))
    assert note.text is not None
    form = Form(True, key=KEY, top_age=85)
    wanted = (
        text.replace("87-y", "85+-y")
        .replace("aged 86", "aged 85+")
        .replace("88F", "85+F")
        .replace("91 yo", "85+ yo")
    )
    assert render(note.text, note.stands, form) == wanted
    assert moved(note.text, note.stands, form, [note.text.index("Fell")]) == [wanted.index("Fell")]


def test_where_only_months_are_kept_no_day_is() -> None:
    note = scrub_note(NOTE, KNOWN, None, Describer(KEY, "7", KNOWN, "dates", monthly=True))
    assert note.text is not None
    kept = to_json(note.stands)
    assert kept is not None and "2024-03-01" in kept and "2024-03-04" not in kept and "2024-03-11" not in kept
    assert "on Monday March 2024 and 03/2024" in render(note.text, note.stands, Form(dates="exact"))


def test_what_was_found_in_the_scrubbed_text_is_found_in_the_rendered_one() -> None:
    note = scrub_note(NOTE, KNOWN, None, Describer(KEY, "7", KNOWN))
    assert note.text is not None
    form = Form(True, "shift", KEY, offset=9, oldest=1930)
    out = render(note.text, note.stands, form)
    words = [match.start() for match in re.finditer(r"saw|sister|aged|Car", note.text)]
    places = moved(note.text, note.stands, form, words)
    assert [out[place : place + 3] for place in places if place is not None] == ["saw", "sis", "age", "Car"]
    assert moved(note.text, note.stands, form, [note.text.index("[NAME]") + 2]) == [None]


def test_pools_have_names_in_most_groups_and_nothing_that_is_a_word() -> None:
    for name, pool in pools().items():
        assert sum(bool(group) for group in pool.groups) >= 6, name
        assert all(group_of(word) == number for number, group in enumerate(pool.groups) for word in group)


def test_notes_of_another_author_round_trip(shared_data: Path) -> None:
    """Real shapes: whatever the engine finds is drawn anew, no own identifier comes back, the key alone decides."""
    corpus = json.loads((shared_data / "text" / "uk-notes.json").read_text())
    people = {str(p["id"]): Known.from_rows([from_notes_format(p)]) for p in corpus["patients"]}
    drawn = kept = 0
    for number, note in enumerate(corpus["notes"][::8]):
        known = people[str(note["pid"])]
        safe = scrub_note(note["text"], known, None, Describer(KEY, str(note["pid"]), known))
        if safe.text is None:
            continue
        form = Form(True, "shift", KEY, offset=number + 1, oldest=1930)
        out = render(safe.text, safe.stands, form)
        assert residue(out, known) is None
        for stand in safe.stands:
            assert stand.atoms[0][0] == "k" or re.fullmatch(
                r"\[[A-Z ]+\]", safe.text[stand.begin : stand.end]
            )
        drawn += len(safe.stands)
        kept += len(re.findall(r"\[[A-Z ]+\]", out))
    assert drawn > 1000
    assert kept < drawn / 12
