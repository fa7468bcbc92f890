"""Notes from capture to project: what a release keeps beside its tags, and what a workspace puts in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lockgate.curate import build_release, diff_releases, open_release, verify_release
from lockgate.errors import Refused
from lockgate.schema import RELEASE
from lockgate.site import Site
from lockgate.workspace import provision
from lockgate.workspace.scope import Scope, issue, preview

DAY = date(2026, 11, 1)
SEEN = datetime(2024, 3, 4, 9, 0)
NAMES = {"ada": ("Ada", "Pemberley", "9434765919"), "cyd": ("Cydney", "Okonjo", "9434765870")}
LETTER = (
    "Re: {family}, {given} (DOB 05/06/1950) NHS No {nhs}\nI saw {given} on Monday 4 March 2024, again on 11/03/2024 "
    "and on 18 March, with her sister Zainab. She has type 2 diabetes. Aunt aged 88."
)
SHORT = "{given} rang on 05/03/2024."
VALUES = ("Ada", "Pemberley", "Cydney", "Okonjo", "Zainab", "9434765919", "9434765870", "05/06/1950")


def _site(folder: Path, stage: Callable[..., None], notes: str, event_dates: str = "exact") -> Site:
    site = Site.init(folder / "site", name="Test Hospital", ods_code="RXX")
    config = site.path / "site.toml"
    settings = f'notes = "{notes}"\nevent_dates = "{event_dates}"'
    config.write_text(config.read_text().replace('event_dates = "exact"', settings))
    said = {
        who: {"given": given, "family": family.upper(), "nhs": nhs}
        for who, (given, family, nhs) in NAMES.items()
    }
    stage(
        site,
        patient=[
            {
                "id": who,
                "nhs_number": nhs,
                "nhs_number_status": "01",
                "family_name": family,
                "given_name": given,
                "birth_date": date(1950, 6, 5),
                "sex": "F",
            }
            for who, (given, family, nhs) in NAMES.items()
        ],
        encounter=[
            {
                "id": f"e-{who}",
                "patient_ref": who,
                "encounter_class": "outpatient",
                "start_at": SEEN,
                "end_at": SEEN,
                "status": "finished",
            }
            for who in NAMES
        ],
        document=[
            {
                "id": f"{kind}-{who}",
                "patient_ref": who,
                "encounter_ref": f"e-{who}",
                "authored_at": SEEN + timedelta(days=1),
                "title": "Letter",
                "text": text.format(**said[who]),
            }
            for who in NAMES
            for kind, text in (("letter", LETTER), ("short", SHORT))
        ],
    )
    return Site.open(site.path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, stage: Callable[..., None]) -> Site:
    """A site whose releases keep what surrogates need, with one release."""
    site = _site(tmp_path_factory.mktemp("kept"), stage, "surrogates")
    build_release(site, actor="test", at=DAY)
    return site


def _scope(site: Site, project: str, **changes: Any) -> Scope:
    """A scope of notes and visits, in force."""
    today = datetime.now().date()
    decided = [("research_centre", "ruth"), ("data_protection_office", "dev")]
    value: dict[str, Any] = {
        "schema": "lockgate.scope/1",
        "scope_id": f"{project}-v1",
        "project": project,
        "version": 1,
        "site": site.config.site.name,
        "title": "Notes",
        "kind": "research",
        "purpose": "To read.",
        "applicant": "ada",
        "people": [{"username": "ada"}],
        "legal_basis": {"article_6": "a", "article_9": "b", "common_law": "c"},
        "release": open_release(site).number,
        "tables": {
            "person": ["person_id", "year_of_birth"],
            "visit_occurrence": ["visit_occurrence_id", "person_id", "visit_start_date"],
            "note": ["note_id", "person_id", "note_date", "note_text"],
            "note_nlp": ["note_id", "person_id", "offset", "lexical_variant"],
        },
        "opt_out_rule": "none",
        "dates": "shift",
        "notes": "surrogates",
        "output_rules": {"threshold": 10, "rounding": 5},
        "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=30)).isoformat(),
        "decisions": [
            {"role": role, "by": by, "decision": "approve", "at": "2026-11-01T10:00:00Z"}
            for role, by in decided
        ],
    } | changes
    scope = Scope.model_validate(value)
    issue(site, scope, "test")
    return scope


def _rows(site: Site, project: str, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(
        site.projects / project / "data" / f"{table}.parquet"
    ).to_pylist()
    return rows


def _notes(site: Site, project: str, person: object) -> tuple[str, str]:
    """The letter and the short note of a person."""
    texts = sorted(
        (r["note_text"] for r in _rows(site, project, "note") if r["person_id"] == person), key=len
    )
    return texts[1], texts[0]


def test_a_release_has_tags_and_beside_them_nothing_that_was_there(kept: Site) -> None:
    release = open_release(kept)
    table = pq.read_table(release.table_path("note"))
    assert sorted(set(table["note_text"].to_pylist()), key=len) == [
        "[NAME] rang on [DATE].",
        "Re: [NAME] (DOB [DATE OF BIRTH]) NHS No [NHS NUMBER]\nI saw [NAME] on Monday [DATE], again on [DATE] and on "
        "[DATE], with her sister [RELATIVE]. She has type 2 diabetes. Aunt aged 88.",
    ]
    stands = "\n".join(table["note_stands"].to_pylist())
    assert "2024-03-04" in stands
    assert not [value for value in VALUES if value.lower() in stands.lower()]
    assert "1950-06-05" not in stands
    assert release.manifest["policy"]["notes"] == "surrogates"
    assert release.manifest["texts"]["by_type"] == [
        {"type": "other", "notes": 4, "withheld": 0, "reasons": {}}
    ]
    assert verify_release(kept, release.number) == []


def test_dates_of_notes_and_tables_move_together_and_one_patients_notes_agree(kept: Site) -> None:
    _scope(kept, "one")
    provision(kept, "one", "test")
    offsets, names = set(), set()
    for visit in _rows(kept, "one", "visit_occurrence"):
        offset = visit["visit_start_date"] - SEEN.date()
        letter, short = _notes(kept, "one", visit["person_id"])
        found = re.fullmatch(
            r"Re: ([A-Z'-]+), ([\w'-]+) \(DOB (\d\d/\d\d/1950)\) NHS No (999\d{7})\nI saw ([\w'-]+) on "
            r"(\w+ \d+ \w+ \d{4}), again on (\d\d/\d\d/\d{4}) and on (\d+ \w+), with her sister ([\w'-]+)\. "
            r"She has type 2 diabetes\. Aunt aged 88\.",
            letter,
        )
        assert found, letter
        one, two, three = (SEEN.date() + timedelta(days) + offset for days in (0, 7, 14))
        assert found[6] == f"{one:%A} {one.day} {one:%B %Y}"
        assert found[7] == f"{two:%d/%m/%Y}"
        assert found[8] == f"{three.day} {three:%B}"
        assert found[2] == found[5]
        assert short == f"{found[2]} rang on {one + timedelta(1):%d/%m/%Y}."
        assert not [value for value in VALUES if value.lower() in letter.lower()]
        assert found[3] != "05/06/1950"
        offsets.add(offset)
        names.add((found[1], found[2]))
    assert len(offsets) == len(names) == 2
    workspace = json.loads((kept.projects / "one" / "workspace.json").read_bytes())
    assert workspace["tables"]["note"]["treated"] == {"note_text: rendered": 4}
    assert "made-up values" in (kept.projects / "one" / "data" / "dictionary.md").read_text()
    assert provision(kept, "one", "test").unchanged


def test_what_notes_mention_is_placed_in_the_projects_own_notes(kept: Site) -> None:
    _scope(kept, "placed")
    provision(kept, "placed", "test")
    texts = {row["note_id"]: row["note_text"] for row in _rows(kept, "placed", "note")}
    mentions = _rows(kept, "placed", "note_nlp")
    assert len(mentions) >= 2
    for row in mentions:
        assert texts[row["note_id"]][int(row["offset"]) :].startswith(row["lexical_variant"])


def test_the_top_age_of_a_scope_holds_in_its_notes(kept: Site) -> None:
    _scope(kept, "aged", notes=None, top_age=80)
    provision(kept, "aged", "test")
    for row in _rows(kept, "aged", "person"):
        letter, short = _notes(kept, "aged", row["person_id"])
        assert (
            letter.endswith("She has type 2 diabetes. Aunt aged 80+.") and short == "[NAME] rang on [DATE]."
        )


def test_two_projects_have_no_surrogate_number_and_no_shift_of_days_in_common(kept: Site) -> None:
    """The offsets of both patients, as a set: a day alone may be the same by chance, and two offsets of two may not."""
    numbers: dict[str, set[str]] = {}
    offsets: dict[str, set[int]] = {}
    for project in ("two", "three", "four"):
        _scope(kept, project)
        provision(kept, project, "test")
        said = " ".join(row["note_text"] for row in _rows(kept, project, "note"))
        numbers[project] = set(re.findall(r"\d{10}", said))
        visits = _rows(kept, project, "visit_occurrence")
        offsets[project] = {(row["visit_start_date"] - SEEN.date()).days for row in visits}
        assert len(numbers[project]) == 2
    assert not numbers["two"] & numbers["three"] and not numbers["three"] & numbers["four"]
    assert offsets["two"] != offsets["three"] != offsets["four"]


@pytest.mark.parametrize(
    ("dates", "notes", "short"),
    [
        ("shift", None, "[NAME] rang on [DATE]."),
        ("exact", "tags", "[NAME] rang on [DATE]."),
        ("exact", "dates", "[NAME] rang on 05/03/2024."),
        ("month", "dates", "[NAME] rang on 03/2024."),
        ("year", "dates", "[NAME] rang on 2024."),
    ],
)
def test_the_scope_says_what_stands(kept: Site, dates: str, notes: str | None, short: str) -> None:
    project = f"p-{dates}-{notes or 'none'}"
    scope = _scope(kept, project, dates=dates, notes=notes)
    assert ("notes" in scope.as_json()) == (notes is not None)  # older scopes keep their bytes
    provision(kept, project, "test")
    assert {_notes(kept, project, row["person_id"])[1] for row in _rows(kept, project, "person")} == {short}
    assert "note_stands" not in _rows(kept, project, "note")[0]
    assert preview(scope)["notes"].startswith("identifiers")


def test_what_releases_do_not_keep_cannot_be_asked_for(kept: Site, tmp_path: Path, stage: Any) -> None:
    with pytest.raises(Refused) as refused:
        _scope(kept, "bad", tables={"note": ["note_id", "person_id", "note_stands"]})
    assert "note_stands is withheld" in str(refused.value.reasons)
    assert "but not note.note_text" in str(refused.value.reasons)
    plain = _site(tmp_path, stage, "dates", "month")
    build_release(plain, actor="test", at=DAY)
    stands = "\n".join(pq.read_table(open_release(plain).table_path("note"))["note_stands"].to_pylist())
    assert "2024-03-01" in stands and "2024-03-04" not in stands and "999" not in stands
    with pytest.raises(Refused) as refused:
        _scope(plain, "bad")
    assert "this site's releases keep dates" in str(refused.value.reasons)
    _scope(plain, "good", notes="dates", dates="exact")
    provision(plain, "good", "test")
    short = {_notes(plain, "good", row["person_id"])[1] for row in _rows(plain, "good", "person")}
    assert short == {"[NAME] rang on 03/2024."}


def test_an_incremental_build_keeps_what_a_full_one_would(kept: Site, stage: Callable[..., None]) -> None:
    stage(
        kept,
        "b2",
        document=[
            {
                "id": "later-ada",
                "patient_ref": "ada",
                "encounter_ref": "e-ada",
                "authored_at": SEEN + timedelta(days=30),
                "title": "Letter",
                "text": "Ada was well on 2 April 2024.",
            }
        ],
    )
    before = open_release(kept)
    result = build_release(kept, actor="test", at=DAY, checked=True)
    assert (result.way, result.checked) == ("incremental", True)
    after = open_release(kept)
    (change,) = [change for change in diff_releases(before, after) if change.table == "note"]
    assert (change.gone, change.new) == (0, 1)
    _scope(kept, "later")
    provision(kept, "later", "test")
    ada = next(row["person_id"] for row in _rows(kept, "later", "note") if "was well" in row["note_text"])
    texts = [row["note_text"] for row in _rows(kept, "later", "note") if row["person_id"] == ada]
    names = {re.split(r" was well| rang", text)[0] for text in texts if not text.startswith("Re:")}
    assert len(texts) == 3 and len(names) == 1


def test_no_scope_may_ask_for_internal_columns() -> None:
    internal = [
        (table, c.name) for table, columns in RELEASE.items() for c in columns if c.role == "internal"
    ]
    assert internal == [("note", "note_stands")]
