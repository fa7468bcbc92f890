"""Rows of text as raw items: the JSON of each row, in one order whatever the file's, and its hash."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture.lines import SCHEMA, SourceFile, hashes, item_hash
from lockgate.capture.tabular.contract import Contract
from lockgate.capture.tabular.header import Header
from lockgate.engine import Engine, quote


class Occurrences:
    """Which rows of a file came before in it: where rows have no key, two equal ones are two records, not one.

    The n-th of equal rows has a hash of its own, the same whenever the file comes again. Holds 32 bytes a row.
    """

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def hashes(self, digests: pa.StringArray) -> pa.Array:
        """The hashes of rows, each later one of equal rows counted."""
        told = []
        for digest in digests.to_pylist():
            place = bytes.fromhex(digest)
            self._seen[place] += 1
            count = self._seen[place]
            told.append(digest if count == 1 else item_hash(f"{digest}#{count}".encode()))
        return pa.array(told, pa.string())


def as_items(
    file: SourceFile,
    table: pa.Table,
    lines: list[int],
    header: Header,
    contract: Contract,
    occurrences: Occurrences | None,
) -> pa.Table:
    """A table of ``lines.SCHEMA`` of a table of texts whose columns are the header's.

    Where a contract has a prefix, so that others of its source are told apart, its rows' hashes go by the prefix too:
    a primary and a secondary diagnosis may be the same in every column and are two items.
    """
    with Engine(threads=1) as engine:
        engine.register("row_table", table)
        fields = ", ".join(f"{quote(name)} := {quote(name)}" for name in header.fields)
        raw = engine.arrow(f"SELECT CAST(to_json(struct_pack({fields})) AS VARCHAR) AS raw FROM row_table")
    text = raw.column("raw").combine_chunks().cast(pa.large_string())
    if isinstance(text, pa.ChunkedArray):
        text = pa.concat_arrays(text.chunks)
    count = table.num_rows
    told = text
    if contract.prefix:
        prefix = pa.scalar(f"{contract.prefix}\n", pa.large_string())
        told = pc.binary_join_element_wise(prefix, text, pa.scalar("", pa.large_string()))
    digests = hashes(told)
    return pa.Table.from_arrays(
        [
            digests if occurrences is None else occurrences.hashes(digests),
            pa.repeat(pa.scalar(file.name), count),
            pa.array(lines, pa.int64()),
            text,
            pa.nulls(count, pa.string()),
            pa.nulls(count, pa.string()),
        ],
        schema=SCHEMA,
    )
