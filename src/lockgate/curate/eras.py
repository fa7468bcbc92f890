"""Eras of conditions and drugs: the spans that OHDSI derives from records that follow each other closely.

``omop/condition_era.sql`` and ``omop/drug_era.sql`` make them from the prepared rows of a build. The same SQL makes
them of tables that are OMOP already, such as a twin's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from lockgate.curate.sqltext import sql_text
from lockgate.engine import Engine, SqlEngine
from lockgate.schema import OMOP

ERAS = ("condition_era", "drug_era")
# The tables that eras of tables that are OMOP already are made from.
MADE_FROM = ("condition_occurrence", "drug_exposure", "concept", "concept_ancestor")


def make_ingredients(engine: SqlEngine, *, prefix: str) -> None:
    """``ingredient``: the standard ingredients of each drug in ``event``, by the vocabulary (``<prefix>concept``)."""
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE ingredient AS
        SELECT a.descendant_concept_id AS drug_concept_id, a.ancestor_concept_id AS ingredient_concept_id
        FROM {prefix}concept_ancestor AS a
        JOIN {prefix}concept AS c ON c.concept_id = a.ancestor_concept_id
        JOIN (SELECT DISTINCT concept_id FROM event WHERE fate = 'drug_exposure') AS u
            ON u.concept_id = a.descendant_concept_id
        WHERE c.concept_class_id = 'Ingredient' AND c.standard_concept = 'S' AND a.descendant_concept_id <> 0"""
    )


def eras_of(files: Mapping[str, Path]) -> dict[str, pa.Table]:
    """The eras of OMOP tables (``MADE_FROM``, each a Parquet file): table name -> rows in the schema of a release."""
    with Engine() as engine:
        for name in MADE_FROM:
            engine.view_parquet(f"of_{name}", files[name], OMOP[name])
        engine.execute(
            """
            CREATE TABLE event AS
            SELECT condition_occurrence_id AS id, person_id, condition_concept_id AS concept_id,
                condition_start_date AS start_at, condition_end_date AS end_at, CAST(NULL AS BIGINT) AS days_supply,
                'condition_occurrence' AS fate
            FROM of_condition_occurrence
            UNION ALL
            SELECT drug_exposure_id, person_id, drug_concept_id, drug_exposure_start_date, drug_exposure_end_date,
                days_supply, 'drug_exposure'
            FROM of_drug_exposure"""
        )
        make_ingredients(engine, prefix="of_")
        return {
            name: engine.arrow(
                f"SELECT {', '.join(f'CAST({c.name} AS {c.type}) AS {c.name}' for c in OMOP[name])} "
                f"FROM ({sql_text('omop', name)}) AS made ORDER BY {name}_id"
            )
            for name in ERAS
        }
