"""Published tables and released results as the ledger keeps them, and a question held against them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.disclosure.inference import Judgement
from lockgate.disclosure.joint import Family, Parted, leaves_few, nearest
from lockgate.disclosure.known import Groups
from lockgate.disclosure.network import Ints
from lockgate.disclosure.rules import Rules
from lockgate.errors import LockgateError


def beside_published(
    people: Ints, families: Sequence[Parted], rules: Rules, guard: Callable[[str, Rules], int]
) -> tuple[Judgement, int | None] | None:
    """What public tables let be told of a group of people (places), and the number; None where they say nothing.

    Near a told group (``guard``: how near, drawn for each in secret) its number stands; near a large one that is
    withheld nothing is told, nor where a small group would be left beside the told groups of one table.
    """
    near: tuple[int, int] | None = None
    refused = False
    for family in families:
        met = family.meet(people)
        there, distance = nearest(met, family)
        for group, apart in zip(there.tolist(), distance.tolist(), strict=True):
            if apart >= 2 * rules.threshold or apart >= guard(f"{family.name}/{group}", rules):
                continue
            if family.told[group]:
                if near is None or apart < near[0]:
                    near = apart, int(family.values[group])
            elif family.sizes[group] >= rules.threshold:
                refused = True
        refused = refused or leaves_few(met, family, rules)
    if near is not None:
        return Judgement("held"), near[1]
    return (Judgement("refused"), None) if refused else None


def families_bytes(families: Sequence[Family]) -> bytes:
    """Families as the bytes of a file; ``read_families`` reads it."""
    empty = np.empty(0, dtype=np.int64)
    sizes, told, values = (
        np.concatenate([empty, *(getattr(family, part) for family in families)]).astype(np.int64)
        for part in ("sizes", "told", "values")
    )
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        names=np.array([family.name for family in families], dtype=np.str_),
        lengths=np.array([len(family.sizes) for family in families], dtype=np.int64),
        labels=np.array([family.labels for family in families], dtype=np.int32),
        sizes=sizes,
        told=told,
        values=values,
    )
    return stream.getvalue()


def read_families(file: Path) -> list[Family]:
    """The families of a file. LockgateError when it can't be read."""
    with _reading(file) as told:
        names, labels = told["names"], told["labels"]
        ends = np.cumsum(told["lengths"])
        sizes, shown, values = told["sizes"], told["told"].astype(bool), told["values"]
    starts = [0, *ends[:-1].tolist()]
    return [
        Family(str(name), labels[row], sizes[a:b], shown[a:b], values[a:b])
        for row, (name, a, b) in enumerate(zip(names, starts, ends.tolist(), strict=True))
    ]


def groups_bytes(groups: Sequence[Groups]) -> bytes:
    """The groups of a released result as the bytes of a file; ``read_groups`` reads it."""
    stream = io.BytesIO()
    parts = {
        f"{part}-{number}": getattr(one, part)
        for number, one in enumerate(groups)
        for part in ("starts", "members", "told", "values")
    }
    names = np.array([one.name for one in groups], dtype=np.str_)
    np.savez_compressed(stream, allow_pickle=False, names=names, **parts)
    return stream.getvalue()


def read_groups(file: Path) -> list[Groups]:
    """The groups of a file. LockgateError when it can't be read."""
    with _reading(file) as told:
        return [
            Groups(
                str(name), "released",
                *(told[f"{part}-{number}"] for part in ("starts", "members", "told", "values")),
            )
            for number, name in enumerate(told["names"])
        ]  # fmt: skip


@contextmanager
def _reading(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with np.load(file, allow_pickle=False) as told:
            yield told
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise LockgateError(
            "whom a public table counts can't be read, so no question can be judged",
            where=str(file),
            remedy="publish it again, or restore ledger/ from the backup",
        ) from error
