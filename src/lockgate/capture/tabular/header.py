"""A file's header against a contract: which column is which, what is missing, what is more than was agreed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lockgate.capture.tabular.contract import Contract, plain_name
from lockgate.errors import Refused

# A header's name that may be repeated in a message: no number of a person, no date, no address.
SAFE = re.compile(r"(?!.*\d{5})(?=[A-Za-z])(?:[A-Za-z0-9_.]{1,60}|[A-Za-z_ &,/?'():-]{1,80})")


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of one file, in its order: the contract's name of each, or a plain name where it has none."""

    names: tuple[str, ...]
    known: tuple[str, ...]  # those of the contract, in the contract's order
    extra: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns in the order that a raw row keeps them: whatever order the file has, the same row is the same."""
        return (*self.known, *sorted(self.extra))


def match(contract: Contract, sent: Iterable[str], where: str) -> Header:
    """Tell a file's columns; Refused where it lacks one that the contract must have, or names one twice."""
    spelt = [name.strip() for name in sent]
    known = contract.header_names()
    plain = [plain_name(name) for name in spelt]
    twice = [name for name, count in Counter(plain).items() if name in known and count > 1]
    read = _read(contract, plain)
    found = [known.get(name) if name in read else None for name in plain]
    agreed = [name for name in found if name]
    if not agreed:
        # The first row is likely a record: none of its values is repeated.
        raise Refused(
            f"the first row holds no column name of the contract {contract.name!r}",
            reasons=["the header is missing, or the file is of another kind or has another delimiter"],
            where=where,
            remedy=f"the columns it must have: {', '.join(contract.must_have() or contract.columns)}",
        )
    missing = [name for name in contract.must_have() if name not in agreed]
    reasons = [f"missing column: {name}" for name in missing]
    reasons += [f"column named twice: {known[name]}" for name in twice]
    extra = _plain_names(spelt, found, set(contract.columns))
    if reasons:
        more = _unnamed(contract, spelt, found)
        reasons += _told("columns the contract does not name", more)
        raise Refused(
            f"the header does not fit the contract {contract.name!r}",
            reasons=reasons,
            where=where,
            remedy="ask the source for the columns agreed, or change the contract (`as` gives a column other names)",
        )
    names = tuple(column or extra[place] for place, column in enumerate(found))
    return Header(
        names=names,
        known=tuple(name for name in contract.columns if name in agreed),
        extra=tuple(extra[place] for place in sorted(extra)),
        notes=tuple(_notes(contract, spelt, found)),
    )


def _read(contract: Contract, plain: list[str]) -> set[str]:
    """Of a column's names in a header the one that is read: the contract's own before those of ``as``, in order."""
    sent = set(plain)
    read = set()
    for name, column in contract.columns.items():
        spelt = [known for known in map(plain_name, (name, *column.aliases)) if known in sent]
        read.update(spelt[:1])
    return read


def _plain_names(spelt: list[str], found: list[str | None], taken: set[str]) -> dict[int, str]:
    """A plain name for each column that the contract does not name, unlike every other; by place."""
    names: dict[int, str] = {}
    for place, name in enumerate(spelt):
        if found[place] is not None:
            continue
        plain = plain_name(name) if SAFE.fullmatch(name) else ""
        plain = plain or f"column_{place + 1}"
        names[place] = plain if plain not in taken else f"{plain}_column_{place + 1}"
        taken.add(names[place])
    return names


def _told(what: str, names: list[str]) -> list[str]:
    safe = [name for name in names if SAFE.fullmatch(name)]
    told = [f"{what}: {', '.join(safe)}"] if safe else []
    if len(names) > len(safe):
        told.append(f"{len(names) - len(safe)} columns whose names look like values")
    return told


def _unnamed(contract: Contract, spelt: list[str], found: list[str | None]) -> list[str]:
    """The columns of a file that its contract neither reads nor says that it keeps."""
    kept = contract.kept_names() | set(contract.header_names())
    return [
        name
        for name, column in zip(spelt, found, strict=True)
        if column is None and plain_name(name) not in kept
    ]


def _notes(contract: Contract, spelt: list[str], found: list[str | None]) -> list[str]:
    """What to say of a file that is taken: columns more than agreed, and columns it lacks."""
    more = _unnamed(contract, spelt, found)
    safe = [name for name in more if SAFE.fullmatch(name)]
    notes = []
    if more:
        hidden = len(more) - len(safe)
        told = ", ".join([*safe, *([f"{hidden} whose names look like values"] if hidden else [])])
        notes.append(
            f"columns that the contract {contract.name} does not name, kept raw and not staged: {told}"
        )
    known = contract.header_names()
    for name, column in zip(spelt, found, strict=True):
        other = known.get(plain_name(name))
        if column is None and other:
            notes.append(
                f"{name} is another name of {other}, which the file has too: kept raw and not staged"
            )
    lacking = {name for name in contract.columns if name not in found}
    if lacking:
        told_families = []
        for name, members in contract.families.items():
            gone = lacking & set(members)
            if gone:
                told_families.append(f"{name} ({len(gone)} of {len(members)})")
                lacking -= gone
        single = [name for name in contract.columns if name in lacking]
        listed = ", ".join([*single, *told_families])
        notes.append(f"columns of the contract {contract.name} that the file lacks, empty: {listed}")
    return notes
