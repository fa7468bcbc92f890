"""The numbers that checks are made of. Terms of one kind and one table are answered together (``answer``)."""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.engine import quote


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows of ``source`` (what stands after FROM; the checked table is ``t``) are ``where``."""

    source: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Join:
    """A table (``t``) with the rows of another that its ``field`` names.

    ``value`` is how the field is read, ``key`` the other's. ``relation`` is what is joined (as ``alias``): ``other``
    itself, or ``quality_born`` for PERSON.
    """

    table: str
    field: str
    value: str
    other: str
    other_field: str
    key: str
    relation: str
    alias: str

    @property
    def sql(self) -> str:
        """What stands after FROM."""
        return f"{quote(self.table)} AS t JOIN {quote(self.relation)} AS {self.alias} ON {self.key} = {self.value}"

    @property
    def lost(self) -> str:
        """What stands after FROM for the rows of the table that name no row of the other."""
        keys = f"SELECT {self.key} FROM {quote(self.relation)} AS {self.alias} WHERE {self.key} IS NOT NULL"
        return f"{quote(self.table)} AS t WHERE {self.value} IS NOT NULL AND {self.value} NOT IN ({keys})"


@dataclass(frozen=True, slots=True)
class Joined:
    """How many rows a join has; with ``field`` (read as ``value``), those before ``low`` or after ``high``.

    The bounds are days of the joined row, each "" where there is none.
    """

    join: Join
    field: str = ""
    value: str = ""
    low: str = ""
    high: str = ""

    @property
    def where(self) -> str:
        """The condition of the rows; "" for all."""
        sides = [
            f"{self.value} {sign} {bound}" for sign, bound in (("<", self.low), (">", self.high)) if bound
        ]
        return " OR ".join(sides)


@dataclass(frozen=True, slots=True)
class Concepts:
    """How many rows have a concept in a field that is ``what``, from the field's concepts and their numbers.

    ``what``: known (not NULL), zero, lost (of no row in CONCEPT), domain (not one of ``named``), class (not ``named``),
    nonstandard (or invalid); of the last three 0 is none.
    """

    table: str
    field: str
    what: str
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """How many rows have one of the concepts ``ids`` in a field, or with ``descendants`` one below them.

    A row counts once for each of ``ids`` above it. With ``wrong_for``, rows of persons of another gender than that
    concept only.
    """

    table: str
    field: str
    ids: tuple[int, ...]
    descendants: bool = False
    wrong_for: int | None = None


@dataclass(frozen=True, slots=True)
class Units:
    """How many rows of a concept have a unit other than 0, or none; with ``outside``, another unit than these."""

    table: str
    field: str
    concept: int
    outside: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """How many rows have a value that more than one row has."""

    table: str
    field: str


@dataclass(frozen=True, slots=True)
class SourceValues:
    """How many source values a field has (NULL is one); with ``unmapped``, of rows with standard concept 0."""

    table: str
    field: str
    standard: str
    unmapped: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """How many rows have a key that no row of the other table has."""

    join: Join


@dataclass(frozen=True, slots=True)
class Without:
    """How many rows of PERSON have no row of a table; of its join with PERSON."""

    join: Join


@dataclass(frozen=True, slots=True)
class Single:
    """A number that has a SELECT of its own."""

    sql: str


Term = int | Rows | Joined | Concepts | Chosen | Units | Repeated | SourceValues | Lost | Without | Single
