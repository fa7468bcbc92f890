"""From raw FHIR lines to staged rows and faults, a chunk at a time, all in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.capture.fhir.r4 import r4_types
from lockgate.capture.fhir.shape import Shape, macros, shapes
from lockgate.capture.macros import define
from lockgate.capture.units import is_ucum
from lockgate.engine import literal, quote

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake

# One pass over the text; where it is no JSON, TRY makes it NULL.
HEAD = "TRY(json_extract_string(raw, ['$.resourceType', '$.id', '$.meta.lastUpdated', '$.meta.versionId']))"


class FhirReader:
    """The Reader of FHIR R4 (see ``capture.intake.Reader``)."""

    format = "fhir"
    head = HEAD

    def prepare(self, intake: Intake) -> None:
        """Define the macros of macros.sql."""
        define(intake.engine, intake.received_sql)
        for statement in macros():
            intake.engine.execute(statement)

    def unpack(self, intake: Intake) -> bool:
        """Replace each Bundle by the resources of its entries; the line stays the Bundle's."""
        engine = intake.engine
        if not engine.rows("SELECT 1 FROM chunk WHERE contains(raw, '\"Bundle\"') LIMIT 1"):
            return False
        engine.execute("""
            CREATE OR REPLACE TEMP TABLE bundle AS
            SELECT * FROM chunk WHERE fault IS NULL AND contains(raw, '"Bundle"')
            AND CASE WHEN json_valid(raw) THEN json_extract_string(raw, '$.resourceType') = 'Bundle' ELSE false END""")
        engine.execute("""
            CREATE OR REPLACE TEMP TABLE entry AS
            SELECT file, line, CAST(json_extract(e, '$.resource') AS VARCHAR) AS resource,
                json_extract_string(e, '$.fullUrl') AS url
            FROM (SELECT file, line, unnest(json_extract(raw, '$.entry[*]')) AS e FROM bundle)
            WHERE json_type(e, '$.resource') = 'OBJECT'""")
        # A resource without an id takes the uuid of its entry's fullUrl, which is what other entries point to.
        engine.execute("""
            UPDATE entry
            SET resource = CAST(json_merge_patch(resource, json_object('id', substr(url, 10))) AS VARCHAR)
            WHERE starts_with(url, 'urn:uuid:') AND json_extract_string(resource, '$.id') IS NULL""")
        opened = engine.arrow("""
            SELECT * FROM chunk WHERE item_hash NOT IN (SELECT item_hash FROM bundle)
            UNION ALL
            SELECT left(sha256(resource), 32), file, line, resource, NULL, NULL FROM entry
            UNION ALL
            SELECT item_hash, file, line, raw, 'empty-bundle', 'no entry holds a resource' FROM bundle
            WHERE (file, line) NOT IN (SELECT (file, line) FROM entry)""")
        engine.connection.unregister("chunk")
        engine.register("chunk", opened)
        return True

    def finish(self, intake: Intake) -> None:
        """Every resource speaks for itself: nothing is left to tell at the end."""

    def digest(self, intake: Intake) -> None:
        """Faults that need no shape; then type by type."""
        engine = intake.engine
        staged = ", ".join(literal(name) for name in shapes())
        known = ", ".join(literal(name) for name in sorted(r4_types()))
        engine.execute(f"""
            INSERT INTO fault
            SELECT item_hash, reason, detail, NULL FROM (
                SELECT item_hash, CASE
                    WHEN NOT json_valid(raw) THEN 'not-json'
                    WHEN json_type(raw) <> 'OBJECT' THEN 'not-an-object'
                    WHEN kind IS NULL THEN 'no-resource-type'
                    WHEN kind NOT IN ({known}) THEN 'unknown-resource-type'
                    WHEN kind NOT IN ({staged}) THEN 'not-staged-yet'
                    ELSE 'no-id' END AS reason,
                    CASE WHEN reason = 'not-staged-yet'
                        THEN kind || ' is a FHIR R4 type that is kept raw and not staged yet' END AS detail
                FROM fresh
                WHERE fault IS NULL AND (kind IS NULL OR kind NOT IN ({staged}) OR coalesce(record_id, '') = ''))""")
        # A type that FHIR doesn't know is whatever was sent there: counts by type must not repeat it.
        engine.execute(f"UPDATE arrival SET kind = NULL WHERE kind NOT IN ({known})")
        counted = engine.rows(
            f"SELECT kind, count(*) FROM fresh WHERE kind IN ({staged}) AND record_id <> '' GROUP BY kind ORDER BY kind"
        )
        for kind, _ in counted:
            self._stage(intake, shapes()[kind])

    def _stage(self, intake: Intake, shape: Shape) -> None:
        engine = intake.engine
        paths = "[" + ", ".join(literal(element.json_path) for element in shape.checked) + "]"
        # Time of version: meta.lastUpdated in UTC; else the time of capture, later for a later versionId.
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE shaped AS SELECT {literal(intake.source)} AS source, record_id,"
            f" coalesce(CAST(try_cast(updated AS TIMESTAMPTZ) AS TIMESTAMP), {intake.received_sql} +"
            " to_microseconds(coalesce(try_cast(version AS BIGINT), 0))) AS version_at, item_hash,"
            f" {literal(intake.batch_id)} AS batch_id, hash(json_type(raw, {paths})) AS types,"
            f" from_json(raw, {literal(shape.structure)}) AS r FROM fresh"
            f" WHERE kind = {literal(shape.name)} AND record_id <> ''"
        )
        self._check(intake, shape, paths)
        faulty = "SELECT item_hash FROM fault"
        engine.execute(
            f"CREATE OR REPLACE TEMP VIEW item AS SELECT * FROM shaped WHERE item_hash NOT IN ({faulty})"
            if engine.one(f"SELECT count(*) FROM ({faulty})")
            else "CREATE OR REPLACE TEMP VIEW item AS SELECT * FROM shaped"
        )
        for table, select in shape.selects.items():
            engine.execute(f"INSERT INTO {quote('staged_' + table)} BY NAME {select}")

    def _check(self, intake: Intake, shape: Shape, paths: str) -> None:
        engine = intake.engine
        conditions = self._type_conditions(intake, shape, paths)
        conditions += [(rule.when, rule.reason, f"{rule.field} {rule.say}") for rule in shape.rules]
        conditions += self._unit_conditions(intake, shape)
        cases = " ".join(
            f"WHEN {when} THEN {literal(reason + '|' + detail)}" for when, reason, detail in conditions
        )
        engine.execute(
            "INSERT INTO fault SELECT item_hash, split_part(verdict, '|', 1),"
            " substr(verdict, strpos(verdict, '|') + 1), NULL"
            f" FROM (SELECT item_hash, CASE {cases} END AS verdict FROM shaped) WHERE verdict IS NOT NULL"
        )

    def _type_conditions(self, intake: Intake, shape: Shape, paths: str) -> list[tuple[str, str, str]]:
        """One condition for each combination of JSON types that breaks the shape: there are few, if any."""
        engine = intake.engine
        combinations = engine.rows("SELECT types, any_value(item_hash) FROM shaped GROUP BY types")
        examples = ", ".join(literal(row[1]) for row in combinations)
        if not examples:
            return []
        found = dict(
            engine.rows(
                f"SELECT item_hash, json_type(raw, {paths}) FROM fresh WHERE item_hash IN ({examples})"
            )
        )
        conditions = []
        for hashed, example in combinations:
            wrong = [
                f"{element.name} must be {element.said}"
                for element, json_type in zip(shape.checked, found[example], strict=True)
                if not element.fits(json_type)
            ]
            if wrong:
                conditions.append((f"types = {hashed}", "wrong-type", "; ".join(wrong[:3])))
        return conditions

    def _unit_conditions(self, intake: Intake, shape: Shape) -> list[tuple[str, str, str]]:
        """A condition for each quantity whose units in this chunk include one that is no UCUM."""
        engine = intake.engine
        conditions = []
        for path in shape.units:
            codes = engine.rows(f"SELECT DISTINCT ucum({path}) FROM shaped")
            bad = [literal(code) for (code,) in codes if code is not None and not is_ucum(code)]
            if bad:
                conditions.append((f"ucum({path}) IN ({', '.join(bad)})", "unknown-unit", _plain(path)))
        for lists, quantity in shape.unit_lists.items():
            codes = engine.rows(
                f"SELECT DISTINCT ucum({quantity}) FROM"
                f" (SELECT unnest({lists}) AS c FROM shaped WHERE len({lists}) > 0)"
            )
            bad = [literal(code) for (code,) in codes if code is not None and not is_ucum(code)]
            if bad:
                when = f"len(list_filter({lists}, lambda c: ucum({quantity}) IN ({', '.join(bad)}))) > 0"
                conditions.append((when, "unknown-unit", _plain(lists)))
        return conditions


def _plain(path: str) -> str:
    """A SQL path as a person writes it, and what is wrong with it."""
    return f"{path.removeprefix('r.').replace('[1]', '')} has a unit that is no UCUM code"
