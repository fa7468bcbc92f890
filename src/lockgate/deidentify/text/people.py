"""What a site's staged rows know of its people, as the table that ``scrub`` takes."""

from __future__ import annotations

import pyarrow as pa

from lockgate.capture import latest_view
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.engine import Engine
from lockgate.identity import index_view
from lockgate.site import Site

# The identifiable columns of a staged patient row that the engine looks for.
COLUMNS = (
    "given_name",
    "middle_names",
    "family_name",
    "former_names",
    "nhs_number",
    "local_number",
    "identifiers",
    "birth_date",
    "address_line",
    "city",
    "postcode",
    "phone",
    "email",
    "gp_name",
    "contact_names",
    "contact_phones",
)


def known_people(engine: Engine, site: Site) -> pa.Table:
    """The identifiers of every person of the index: ``patient_id`` (the person key as text) and COLUMNS.

    One row for each different staged row of a person, from whatever source: a name that only the tissue bank knows is
    looked for in the letters too. Identifiable.
    """
    patient, index = latest_view(engine, site, "patient"), index_view(engine, site)
    columns = ", ".join(f"p.{column}" for column in COLUMNS)
    return engine.arrow(f"""
        SELECT DISTINCT CAST(i.person_key AS VARCHAR) AS patient_id, {columns}
        FROM {patient} p JOIN {index} i USING (source, record_id)
        ORDER BY ALL""")


def site_names(engine: Engine, site: Site) -> SiteNames | None:
    """The names of the staged practitioners and organisations, and of the places where people and they are."""
    practitioner, organisation = (
        latest_view(engine, site, table) for table in ("practitioner", "organisation")
    )
    location, patient = (latest_view(engine, site, table) for table in ("location", "patient"))

    def values(sql: str) -> list[str]:
        return [
            str(value) for (value,) in engine.rows(f"SELECT DISTINCT v FROM ({sql}) WHERE v <> '' ORDER BY v")
        ]

    return SiteNames.of(
        staff=values(f"SELECT trim(concat_ws(' ', given_name, family_name)) AS v FROM {practitioner}"),
        organisations=values(
            f"""SELECT name AS v FROM {organisation}
                UNION ALL SELECT name FROM {location} WHERE kind = 'site'
                UNION ALL SELECT gp_name FROM {patient} WHERE gp_practice_code IS NOT NULL"""
        ),
        places=values(f"SELECT city AS v FROM {patient} UNION ALL SELECT city FROM {organisation}"),
    )
