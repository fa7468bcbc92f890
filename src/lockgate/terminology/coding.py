"""Source codes to OMOP concepts, as a view over the loaded vocabulary."""

from __future__ import annotations

from importlib import resources

from lockgate.engine import SqlEngine, quote


def coding_table(engine: SqlEngine, codes_sql: str, name: str = "coding") -> str:
    """Make the table ``name``: what the codes of a query mean.

    ``codes_sql`` gives distinct (vocabulary_id, code). The table has, for every code that the vocabulary knows,
    (vocabulary_id, code, source_concept_id, concept_id, domain_id), concept_id 0 where there is no standard
    concept. The vocabulary's views must be there (``vocabulary_view``).
    """
    engine.execute(f"CREATE OR REPLACE TEMP VIEW source_codes AS {codes_sql}")
    text = resources.files(__package__).joinpath("coding.sql").read_text(encoding="utf-8")
    engine.execute(f"CREATE OR REPLACE TABLE {quote(name)} AS {text}")
    return name
