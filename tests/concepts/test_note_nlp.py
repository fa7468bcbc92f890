"""note_nlp in a release: what was planted is found, in scrubbed text, and an incremental build gives the same."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import date

import duckdb
import pytest

from lockgate.capture import capture_fhir
from lockgate.curate import build_release
from lockgate.site import Site
from lockgate.synthetic import generate


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nlp")
    site = Site.init(folder / "site", name="Notes", ods_code="RZZ", demo=True)
    settings = site.path / "site.toml"
    settings.write_text(settings.read_text() + "\n[quality]\nchecks = false\n")
    site = Site(site.path)
    generate(folder / "hospital", 50, 3)
    capture_fhir(site, folder / "hospital" / "fhir", actor="test", source="fhir")
    build_release(site, actor="test", at=date(2026, 11, 1))
    one_more(folder / "hospital" / "fhir" / "DocumentReference.ndjson.gz", folder / "more")
    capture_fhir(site, folder / "more", actor="test", source="fhir")
    result = build_release(site, actor="test", at=date(2026, 11, 1), checked=True)
    assert result.way == "incremental" and result.checked, result.why
    return site, result


def one_more(documents, folder):
    """A folder with one more letter, of the patient and the visit of the first one."""
    with gzip.open(documents, "rt", encoding="utf-8") as stream:
        letter = json.loads(stream.readline())
    letter["id"] += "-more"
    text = "Clinic note. Diagnosis: gout. No chest pain. EF 35%. Mother had a stroke."
    letter["content"][0]["attachment"]["data"] = base64.b64encode(text.encode()).decode()
    folder.mkdir()
    (folder / "DocumentReference.ndjson").write_text(json.dumps(letter) + "\n")


@pytest.fixture(scope="module")
def tables(built):
    _, result = built
    base = duckdb.connect()
    for name in ("note", "note_nlp", "condition_occurrence", "concept"):
        base.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{result.path / 'omop' / name}.parquet')"
        )
    return base


def test_the_diagnosis_of_each_letter_is_found(tables):
    found, notes = tables.execute(
        """
        WITH told AS (
            SELECT note_id, visit_occurrence_id FROM note
            SEMI JOIN condition_occurrence USING (visit_occurrence_id)
            WHERE note_text LIKE '%diagnosis: %')
        SELECT count(*) FILTER (WHERE EXISTS (
            SELECT 1 FROM note_nlp AS n JOIN condition_occurrence AS c ON c.condition_concept_id = n.note_nlp_concept_id
            WHERE n.note_id = t.note_id AND c.visit_occurrence_id = t.visit_occurrence_id AND n.term_exists = 'Y')),
            count(*) FROM told AS t"""
    ).fetchall()[0]
    assert notes > 3 and found >= 0.9 * notes


def test_words_are_the_notes_own_and_rows_are_whole(tables):
    rows = tables.execute(
        'SELECT n.snippet, n.lexical_variant, CAST(n."offset" AS INTEGER), o.note_text, n.term_exists, '
        "n.term_modifiers, n.person_id = o.person_id AND n.nlp_date = o.note_date "
        "FROM note_nlp AS n JOIN note AS o USING (note_id)"
    ).fetchall()
    assert (
        len(rows) == tables.execute("SELECT count(DISTINCT note_nlp_id) FROM note_nlp").fetchall()[0][0] > 50
    )
    for snippet, variant, place, text, exists, modifiers, same in rows:
        assert text[place : place + len(variant)] == variant and " ".join(text.split()).find(snippet) >= 0
        assert same and exists in "YN" and modifiers.startswith("negated=")


def test_a_letter_that_came_later_is_read(tables):
    rows = tables.execute(
        "SELECT lexical_variant, term_exists, term_modifiers FROM note_nlp "
        "WHERE note_id IN (SELECT note_id FROM note WHERE note_text LIKE 'Clinic note. Diagnosis: gout%') "
        'ORDER BY CAST("offset" AS INTEGER)'
    ).fetchall()
    assert [row[:2] for row in rows] == [("gout", "Y"), ("chest pain", "N"), ("EF 35%", "Y"), ("stroke", "N")]
    assert "value=35;unit=%" in rows[2][2] and "subject=other" in rows[3][2]


def test_concepts_that_notes_name_are_in_the_releases_vocabulary(tables):
    missing = tables.execute(
        "SELECT count(*) FROM note_nlp ANTI JOIN concept ON concept_id = note_nlp_concept_id "
        "WHERE note_nlp_concept_id <> 0"
    ).fetchall()[0][0]
    assert missing == 0


def test_it_can_be_turned_off_and_given_words(built):
    site, result = built
    (site.path / "own.csv").write_text("term,concept_id\nslept well,4012525\n")
    settings = site.path / "site.toml"
    for lines, expected in (("notes = false", 0), ('domains = []\ndictionaries = ["own.csv"]', None)):
        before = settings.read_text().split("\n[concepts]")[0]
        settings.write_text(f"{before}\n[concepts]\n{lines}\n")
        again = build_release(Site(site.path), actor="test", at=date(2026, 11, 1))
        assert again.way == "full" and again.tables["note"] == result.tables["note"]
        assert again.tables["note_nlp"] == (expected if expected is not None else again.tables["note_nlp"])
    rows = duckdb.sql(
        f"SELECT DISTINCT lexical_variant FROM read_parquet('{again.path / 'omop' / 'note_nlp.parquet'}') "
        "WHERE note_nlp_concept_id = 4012525"
    ).fetchall()
    assert rows == [("slept well",)]
