"""Our own people as a linkage needs them: who they are, of whom a project may know, by the index of today."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from lockgate.capture import latest_view
from lockgate.curate import open_release
from lockgate.engine import Engine, literal
from lockgate.errors import LockgateError, Refused
from lockgate.identity import index_path, index_view, pseudonymise_ints
from lockgate.identity.objections import objecting_numbers
from lockgate.schema import nhs_number
from lockgate.site import Site

# What of a patient's record may be encoded: the keys of --map, and the SQL of each.
FIELDS = {
    "given_name": "given_name",
    "family_name": "family_name",
    "middle_names": "middle_names",
    "birth_date": "strftime(birth_date, '%Y-%m-%d')",
    "sex": "sex",
    "postcode": "postcode",
    "city": "city",
    "address": "address_line",
    "nhs_number": "nhs_number",
}


def index_table(engine: Engine, site: Site, release: str) -> None:
    """Make ``partner_index`` (source, record_id, person_key, person_id): the index with a release's ids."""
    if not index_path(site).exists():
        raise Refused(
            "this site has no patient index",
            reasons=["nobody can say which records are of whom"],
            remedy="lockgate index build",
        )
    view = index_view(engine, site)
    keys = engine.arrow(f"SELECT DISTINCT person_key FROM {view} ORDER BY person_key").column(0)
    plain = keys.to_numpy().astype(np.int64)
    ids = pseudonymise_ints(plain, open_release(site, release).key(site), "person")
    engine.register("partner_ids", pa.table({"person_key": plain, "person_id": ids}))
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE partner_index AS "
        f"SELECT i.source, i.record_id, i.person_key, p.person_id FROM {view} i JOIN partner_ids p USING (person_key)"
    )


def numbers_table(engine: Engine, site: Site, release: str) -> None:
    """Make ``partner_numbers`` (id, nhs, birth_date): each valid NHS number of the index with the person it is of.

    ``id`` is the release's person_id. A number that two people have is nobody's: it is left out.
    """
    index_table(engine, site, release)
    engine.execute(nhs_number.SQL_MACRO)
    patient = latest_view(engine, site, "patient")
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE partner_numbers AS
        SELECT any_value(person_id) AS id, nhs, mode(birth_date) AS birth_date FROM (
            SELECT i.person_id, nhs_number_clean(p.nhs_number) AS nhs, p.birth_date
            FROM {patient} p JOIN partner_index i USING (source, record_id)
            WHERE nhs_number_valid(p.nhs_number))
        GROUP BY nhs HAVING count(DISTINCT person_id) = 1""")


def write_people(engine: Engine, site: Site, release: str, fields: list[str], path: Path) -> int:
    """One row a person whom the project may know (``chosen`` without ``opted_out``): the fullest record of each.

    Columns: ``id`` (a running number) and the fields. Leaves ``partner_record`` (id, source, record_id). Returns the
    number of people.
    """
    index_table(engine, site, release)
    patient = latest_view(engine, site, "patient")
    filled = " + ".join(f"CAST(({FIELDS[name]}) IS NOT NULL AS INTEGER)" for name in fields)
    columns = ", ".join(f"{FIELDS[name]} AS {name}" for name in fields)
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE partner_record AS
        SELECT row_number() OVER (ORDER BY source, record_id) AS id, * FROM (
            SELECT p.source, p.record_id, {columns} FROM {patient} p JOIN partner_index i USING (source, record_id)
            WHERE i.person_id IN (SELECT person_id FROM chosen)
              AND i.person_id NOT IN (SELECT person_id FROM opted_out)
            QUALIFY row_number() OVER (PARTITION BY i.person_id ORDER BY {filled} DESC, p.source, p.record_id) = 1)""")
    return engine.write_parquet(f"SELECT id, {', '.join(fields)} FROM partner_record", path, order_by="id")


def objecting(engine: Engine, site: Site, purpose: str, at: date) -> bool:
    """Make ``partner_objection`` (nhs): the NHS numbers of all who objected here; whether there is a list of them."""
    engine.execute(nhs_number.SQL_MACRO)
    engine.execute("CREATE OR REPLACE TEMP TABLE partner_objection (nhs VARCHAR)")
    if not index_path(site).exists():
        return False
    try:
        found = objecting_numbers(engine, site, at=at, purpose=purpose)
    except LockgateError as error:
        raise Refused(
            "nobody can say who has opted out, so nobody's data may go",
            reasons=[error.message],
            remedy=error.remedy,
        ) from error
    engine.execute(f"INSERT INTO partner_objection SELECT nhs FROM {found}")
    return True


def read_opt_outs(engine: Engine, path: Path) -> int:
    """Add a file of NHS numbers or ids, one a line, to ``partner_objection``; how many lines it has."""
    engine.execute(f"""
        INSERT INTO partner_objection
        SELECT DISTINCT coalesce(nhs_number_clean(line), trim(line)) FROM read_csv({literal(path)}, header = false,
            columns = {{'line': 'VARCHAR'}}, delim = '\\x01', quote = '', ignore_errors = false)
        WHERE trim(line) <> ''""")
    return int(engine.one("SELECT count(*) FROM partner_objection"))
