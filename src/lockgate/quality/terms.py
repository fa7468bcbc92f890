"""The numbers that checks are made of. Terms of one kind and one table are answered together (``answer``)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows of ``source`` (what stands after FROM; the checked table is ``t``) are ``where``."""

    source: str
    where: str = ""


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
    """How many rows have a key (``value``) that no row of ``other`` has; ``joined`` is the join that finds it."""

    table: str
    field: str
    value: str
    other: str
    key: str
    joined: str


@dataclass(frozen=True, slots=True)
class Without:
    """How many rows of PERSON have no row of a table; ``joined`` is its join with PERSON (as ``p``)."""

    joined: str


@dataclass(frozen=True, slots=True)
class Single:
    """A number that has a SELECT of its own."""

    sql: str


Term = int | Rows | Concepts | Chosen | Units | Repeated | SourceValues | Lost | Without | Single
