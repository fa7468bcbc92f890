"""What of one release table a scope lets through, as SQL: people, period, columns, dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lockgate.deidentify.dates import generalise_sql
from lockgate.engine import quote
from lockgate.schema import PROJECT, Column
from lockgate.workspace.leftout import SAMPLES
from lockgate.workspace.rare import guarded, rare_name
from lockgate.workspace.scope import Scope
from lockgate.workspace.scope.checks import person_column

# The ways a row can go, in the order they are looked at. Only the last comes out.
FATES = ("opted_out", "outside_cohort", "not_referenced", "outside_period", "out")

# Dates in these say when something holds, not when it happened; they are kept whatever the period.
_TIMELESS = frozenset({"person", "location", "care_site", "provider", "cdm_source"})

# A row without a date can't be placed in the period and stays out, but here: its specimen has the date.
_OFTEN_UNDATED = frozenset({"tissue_sample"})


@dataclass(frozen=True, slots=True)
class Extract:
    """The query of one table. Needs the views of ``relation`` and the tables ``opted_out``, ``chosen`` and ``shift``.

    ``opted_out(person_id)``: who objected. ``chosen(person_id)``: everybody in the cohort. ``shift(person_id, days)``:
    only under the date policy "shift".
    """

    scope: Scope
    table: str
    year: int = 0  # of the release, to which ages are reckoned
    oldest: int = 0  # the least year of birth that the release shows

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that come out, in the schema's order."""
        wanted = set(self.scope.tables.get(self.table, ()))
        for linkage in self.scope.partners:
            wanted |= set(linkage.tables.get(self.table, ()))
        return tuple(column for column in PROJECT[self.table] if column.name in wanted)

    @property
    def keys(self) -> dict[str, str]:
        """Columns that get project pseudonyms -> their domain."""
        return {column.name: column.key_domain for column in self.columns if column.key_domain is not None}

    @property
    def person(self) -> str | None:
        """The column that says whose a row is."""
        return person_column(self.table)

    @property
    def days(self) -> list[Column]:
        """The columns of dates, the one that places a row in time first; none for what is timeless."""
        if self.table in _TIMELESS:
            return []
        return [column for column in PROJECT[self.table] if column.role == "date"]

    def counts_sql(self) -> str:
        """How many rows go which way: (fate, rows)."""
        return (
            f"SELECT fate, count(*) FROM (SELECT {self._fate()} AS fate FROM {self._source()}) GROUP BY fate"
        )

    def rows_sql(self) -> str:
        """The rows that come out, their dates treated, their keys still the release's.

        Notes that are ``rendered`` come with what that needs: ``stands``, ``anchor`` and ``days``; mentions that are
        ``placed`` with ``of_note`` and ``days``.
        """
        shown = ", ".join(f"{self._value(column)} AS {quote(column.name)}" for column in self.columns)
        if self.rendered or self.placed:
            days = "s.days" if self.scope.dates == "shift" else "CAST(NULL AS INTEGER)"
            needed = (
                "t.note_stands AS stands, t.note_date AS anchor" if self.rendered else "t.note_id AS of_note"
            )
            shown += f", {needed}, {days} AS days"
        return f"SELECT {shown} FROM {self._source()} WHERE {self._fate()} = 'out'"

    @property
    def rendered(self) -> bool:
        """Whether the rows are notes, in which something is to stand in the place of tags and ages (notes.py)."""
        return self.table == "note" and self._renders

    @property
    def placed(self) -> bool:
        """Whether the rows tell where in a note something stands, which is to be so in the rendered note."""
        return self.table == "note_nlp" and self._renders and "offset" in self.scope.tables["note_nlp"]

    @property
    def _renders(self) -> bool:
        wanted = self.scope.notes not in (None, "tags") or self.scope.top_age is not None
        return wanted and "note_text" in self.scope.tables.get("note", ())

    def _source(self) -> str:
        source = f"{relation(self.table)} t"
        if self.person is not None:
            person = quote(self.person)
            source += f" LEFT JOIN opted_out o ON o.person_id = t.{person}"
            source += f" LEFT JOIN chosen c ON c.person_id = t.{person}"
            if self.scope.dates == "shift":
                source += f" LEFT JOIN shift s ON s.person_id = t.{person}"
        for column in self.rare:
            name = self._rare(column)
            source += f" LEFT JOIN {rare_name(self.table, column.name)} {name} ON {name}.value = t.{quote(column.name)}"
        return source

    def _fate(self) -> str:
        tests = []
        if self.person is not None:
            tests.append("WHEN o.person_id IS NOT NULL THEN 'opted_out'")
            if self.table in SAMPLES:
                tests.append("WHEN t.specimen_id IN (SELECT specimen_id FROM held_sample) THEN 'opted_out'")
            nobody = "" if self.scope.cohort is not None else f" AND t.{quote(self.person)} IS NOT NULL"
            tests.append(f"WHEN c.person_id IS NULL{nobody} THEN 'outside_cohort'")
        if self.table == "location":
            tests.append(
                f"WHEN t.location_id NOT IN (SELECT p.location_id FROM {relation('person')} p "
                "SEMI JOIN chosen USING (person_id) ANTI JOIN opted_out USING (person_id) "
                f"WHERE p.location_id IS NOT NULL UNION SELECT location_id FROM {relation('care_site')} "
                "WHERE location_id IS NOT NULL) THEN 'not_referenced'"
            )
        if self.scope.period is not None and self.days:
            undated = "true" if self.table in _OFTEN_UNDATED else "false"
            tests.append(f"WHEN NOT coalesce({self._in_period()}, {undated}) THEN 'outside_period'")
        return f"CASE {' '.join(tests)} ELSE 'out' END" if tests else "'out'"

    @property
    def rare(self) -> list[Column]:
        """The columns whose rare codes the scope does not show."""
        return [c for c in guarded(self.table) if c in self.columns] if self.scope.rare_codes else []

    def _rare(self, column: Column) -> str:
        return quote(f"r_{column.name}")

    def _oldest(self) -> str:
        """The least year of birth that the scope shows; empty where it shows all of the release's."""
        return f"({int(self.year)} - {int(self.scope.top_age)})" if self.scope.top_age else ""

    def _birth(self, name: str, value: str) -> str:
        oldest = self._oldest()
        if name == "year_of_birth":
            return f"greatest({value}, {oldest})" if oldest else value
        if self.scope.dates == "year":
            return "CAST(NULL AS BIGINT)"
        return f"CASE WHEN t.year_of_birth >= {oldest} THEN {value} END" if oldest else value

    def treated_sql(self) -> dict[str, str]:
        """For each thing done to values of the rows that come out, the query of how many rows it touches."""
        where = f"FROM {self._source()} WHERE {self._fate()} = 'out' AND"
        counts = {}
        if self.table == "person" and self._oldest():
            counts["top_coded"] = f"SELECT count(*) {where} t.year_of_birth < {self._oldest()}"
        for column in self.rare:
            shown = f"{self._rare(column)}.shown"
            nothing = "= 0" if column.role == "concept" else "IS NULL"
            there = f"{self._rare(column)}.value IS NOT NULL"
            counts[f"{column.name}: masked"] = f"SELECT count(*) {where} {there} AND {shown} {nothing}"
            if column.role == "concept":
                counts[f"{column.name}: generalised"] = f"SELECT count(*) {where} {there} AND {shown} <> 0"
        return counts

    def _ends(self) -> tuple[str, str]:
        period = self.scope.period
        assert period is not None
        return f"DATE '{period.start.isoformat()}'", f"DATE '{period.until.isoformat()}'"

    def _in_period(self) -> str:
        start, until = self._ends()
        if self.table == "observation_period":
            return f"t.observation_period_start_date <= {until} AND t.observation_period_end_date >= {start}"
        return f"CAST(t.{quote(self.days[0].name)} AS DATE) BETWEEN {start} AND {until}"

    def _value(self, column: Column) -> str:
        value = f"t.{quote(column.name)}"
        if column in self.rare:
            return f"CASE WHEN {self._rare(column)}.value IS NULL THEN {value} ELSE {self._rare(column)}.shown END"
        if self.table == "person" and column.name in ("year_of_birth", "month_of_birth"):
            return self._birth(column.name, value)
        if column.name == "measurement_time" and self.scope.dates in ("month", "year"):
            return f"CAST(NULL AS {column.type})"
        if column.role != "date":
            return value
        if self.table == "observation_period" and self.scope.period is not None:
            start, until = self._ends()
            value = f"least(greatest({value}, {start}), {until})"
        kind: Literal["DATE", "TIMESTAMP"] = "TIMESTAMP" if column.type == "TIMESTAMP" else "DATE"
        policy = self.scope.dates
        if policy != "shift":
            return generalise_sql(value, policy, kind=kind)
        if self.person is None:
            return value  # about no patient: nothing to hide, and shifts of staff must stay where they were
        moved = generalise_sql(value, "shift", kind=kind, offset="s.days")
        return f"CASE WHEN s.days IS NULL THEN {generalise_sql(value, 'month', kind=kind)} ELSE {moved} END"


def relation(table: str) -> str:
    """The SQL name of a release's table while a workspace is made."""
    return quote(f"release_{table}")


def order(columns: Sequence[Column]) -> str:
    """A total order that says nothing of the release's: by the project's own ids, then by all else."""
    keys = [column.name for column in columns if column.key_domain is not None]
    rest = [column.name for column in columns if column.key_domain is None]
    return ", ".join(quote(name) for name in [*keys, *rest])
