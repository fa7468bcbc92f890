"""The staged rows a release is made of: their latest versions, whose they are, and what their codes mean.

Makes, for every staged table T, the table ``s_T``: the latest live rows with ``person_id`` and ``standing``
("live", "opted_out", "unlinked" or "not:person_without_birth_year") and, where the table has codes, the OMOP
concept of the first coding that the vocabulary can map.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from lockgate.curate.release import KEY_PURPOSE
from lockgate.engine import SqlEngine
from lockgate.identity import PURPOSES, covered, index_view, pseudonymise_ints
from lockgate.schema import STAGED
from lockgate.site import Site

# Tables whose rows are no one's: they stand for themselves.
IMPERSONAL = frozenset(
    {
        "imaging_read",
        "organisation",
        "location",
        "practitioner",
        "feedback",
        "staffing",
        "roster",
        "objection",
        "postcode",
        "patient_merge",
        "medicine",
    }
)
# Large tables, read for the people a batch affects; all others are read whole in every build.
BY_RECORD = (
    "encounter",
    "encounter_move",
    "condition",
    "medication",
    "procedure",
    "result",
    "allergy",
    "device",
    "care_plan",
    "document",
    "specimen",
    "imaging_study",
    "report",
)


@dataclass(frozen=True)
class Curation:
    """One build: where it reads, the day of its opt-out cut-off, and the key of its ids."""

    engine: SqlEngine
    site: Site
    release_date: date

    @property
    def key(self) -> bytes:
        """The secret under which every id of every release of this site is made."""
        return self.site.key(KEY_PURPOSE)

    @property
    def threshold(self) -> int:
        """The smallest number of people a repeated text must stand for to be carried."""
        return self.site.config.disclosure.threshold


def find_standing(build: Curation) -> None:
    """Make ``person_standing``: every person of the index, their pseudonym, and whether they may be carried.

    And ``whose``: the same for each patient record. Who has opted out of every purpose is "opted_out"; who has of
    some is carried, and in ``limited`` (person_id, purposes: those they are left out for), so that their rows are kept
    apart from the release's tables.
    """
    engine = build.engine
    index = index_view(engine, build.site)
    people = engine.arrow(
        f"""
        SELECT i.person_key, max(p.birth_date) IS NOT NULL OR max(p.birth_year_about) IS NOT NULL AS birth_known
        FROM {index} AS i JOIN now_patient AS p ON p.source = i.source AND p.record_id = i.record_id
        GROUP BY i.person_key ORDER BY i.person_key"""
    )
    left_out = covered(engine.local, build.site, at=build.release_date)
    out = {key for key, purposes in left_out.items() if purposes >= set(PURPOSES)}
    keys = people.column("person_key").combine_chunks()
    standing = [
        "opted_out" if key in out else "live" if known else "not:person_without_birth_year"
        for key, known in zip(keys.to_pylist(), people.column("birth_known").to_pylist(), strict=True)
    ]
    ids = pseudonymise_ints(keys, build.key, "person")
    table = people.select(["person_key"]).append_column("person_id", pa.array(ids, pa.int64()))
    apart = sorted(
        (int(person), " ".join(sorted(left_out[key])))
        for key, person, stands in zip(keys.to_pylist(), ids.tolist(), standing, strict=True)
        if stands == "live" and key in left_out
    )
    engine.register(
        "limited_arrow",
        pa.table(
            {"person_id": pa.array([a for a, _ in apart], pa.int64()), "purposes": [p for _, p in apart]},
            schema=pa.schema([("person_id", pa.int64()), ("purposes", pa.string())]),
        ),
    )
    engine.execute("CREATE OR REPLACE TABLE limited AS SELECT * FROM limited_arrow")
    engine.register("person_standing_arrow", table.append_column("standing", pa.array(standing, pa.string())))
    engine.execute("CREATE OR REPLACE TABLE person_standing AS SELECT * FROM person_standing_arrow")
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE whose AS
        SELECT i.source, i.record_id, s.person_key, s.person_id, s.standing
        FROM {index} AS i JOIN person_standing AS s ON s.person_key = i.person_key"""
    )


def select_source(table: str) -> str:
    """The SELECT of one ``s_<table>``."""
    columns = ["t.*"]
    joins = ""
    if table in IMPERSONAL:
        columns += ["CAST(NULL AS BIGINT) AS person_id", "'live' AS standing"]
    else:
        ref = "record_id" if table == "patient" else "patient_ref"
        joins += f" LEFT JOIN whose AS w ON w.source = t.source AND w.record_id = t.{ref}"
        # an incident need not name anybody; anything else that names nobody we know is unlinked
        nobody = "WHEN t.patient_ref IS NULL THEN 'live' " if table == "incident" else ""
        columns += [
            "w.person_id",
            f"CASE {nobody}WHEN w.person_id IS NULL THEN 'unlinked' ELSE w.standing END AS standing",
        ]
        if table == "patient":
            columns.append("w.person_key")
    names = {column.name for column in STAGED[table]}
    system, code = ("cause_system", "cause_code") if table == "death" else ("code_system", "code")
    if table == "document":
        system, code = "type_system", "type_code"
    if {system, code} <= names:
        joins += f" LEFT JOIN coding AS c ON c.vocabulary_id = t.{system} AND c.code = t.{code}"
        first = "coalesce(c.concept_id, 0) <> 0"
        if "alt_code" in names:
            joins += " LEFT JOIN coding AS a ON a.vocabulary_id = t.alt_code_system AND a.code = t.alt_code"
            second = f"NOT ({first}) AND coalesce(a.concept_id, 0) <> 0"
            columns += [
                f"CASE WHEN {second} THEN a.{name} ELSE c.{name} END AS {name}" for name in ("domain_id",)
            ] + [
                f"coalesce(CASE WHEN {second} THEN a.{name} ELSE c.{name} END, 0) AS {name}"
                for name in ("concept_id", "source_concept_id")
            ]
            columns.append(
                f"CASE WHEN t.{system} = 'OMOP' OR {second} THEN t.alt_code "
                "ELSE coalesce(t.code, t.alt_code) END AS source_code"
            )
        else:
            columns += [
                "c.domain_id",
                "coalesce(c.concept_id, 0) AS concept_id",
                "coalesce(c.source_concept_id, 0) AS source_concept_id",
                f"CASE WHEN t.{system} IS DISTINCT FROM 'OMOP' THEN t.{code} END AS source_code",
            ]
    return f"SELECT {', '.join(columns)} FROM now_{table} AS t{joins}"
