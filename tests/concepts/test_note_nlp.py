"""note_nlp in a release: what was planted is found, in scrubbed text, and an incremental build gives the same."""

from __future__ import annotations

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
    for number, seed in enumerate((3, 4)):
        generate(folder / f"h{number}", 50, seed)
        capture_fhir(site, folder / f"h{number}" / "fhir", actor="test", source=f"s{number}")
        result = build_release(site, actor="test", at=date(2026, 11, 1), checked=bool(number))
        assert result.way == ("incremental" if number else "full"), result.why
    return site, result


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
