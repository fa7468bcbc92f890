"""Records as keyed bit vectors that can be compared and not read.

The method, step by step (parameters in ``Scheme``, reasons in docs/decisions/):

1. Cryptographic long-term keys: every piece of every field of a record sets bits of one Bloom filter (Schnell,
   Bachteler, Reiher 2009, 2011), so that no filter stands for one name. Which bits is said by HMAC-SHA256 of field and
   piece under the project's shared key, each bit by itself: no double hashing, whose patterns gave earlier schemes
   away (Niedermeyer, Steinmetzer, Kroll, Schnell 2014; Kroll, Steinmetzer 2015). Fields have weights, as more hash
   functions for what tells more (Durham et al. 2014).
2. Diffusion: each bit that goes over is the exclusive or of three bits of the filter, chosen by the key (Armknecht,
   Heng, Schnell 2023, after the folding of Schnell, Borgs 2016). No bit stands for a piece any more, and every bit is
   set about as often as every other, which is what attacks by frequency and by pattern live on (Christen et al. 2018).
3. Blocking keys: keyed hashes of combinations of fields, cut to so few bits that about sixteen records share each
   value whatever they hold.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.engine import Engine
from lockgate.identity.linkage import reading, records
from lockgate.identity.linkage.fields import Field, fields_of
from lockgate.identity.partner.tokens import pass_sql, passes, pieces_sql, spec_of, values_sql
from lockgate.identity.pseudonym import pseudonymise_strings

Words = npt.NDArray[np.uint64]

METHOD = "lockgate.clk/1"
_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Scheme:
    """The numbers of the method. They are part of what both sides agree on and stand in every header."""

    method: str = METHOD
    filter_bits: int = 1024
    fill: float = 0.3
    diffusion: int = 3
    bits: int = 2048
    records_per_block: int = 16

    def as_dict(self) -> dict[str, Any]:
        """For the header."""
        return asdict(self)


SCHEME = Scheme()


@dataclass
class Encoding:
    """Encoded records: ``table`` (token, encoding, block_0...) goes over, in random order; ``rows`` (id, token) stays.

    Rows whose standard values are all equal share one token: how often a record is repeated does not go over."""

    table: pa.Table
    rows: pa.Table
    report: dict[str, Any]


def encode(
    engine: Engine, path: Path, ident: str, mapping: Mapping[str, str], key: bytes, *, scheme: Scheme = SCHEME
) -> Encoding:
    """Encode a CSV or Parquet file, one row a record, under a key of 32 bytes.

    UsageError when it can't be read or its ids are none; Refused when its columns could not tell people apart.
    """
    fields = fields_of(mapping, mapping)
    records.prepare(engine)
    count = reading.read(engine, path, "left", ident, fields, "--id")
    engine.execute("CREATE OR REPLACE TABLE partner_id AS SELECT n, id FROM link_raw_left")
    forms = records.standardise(engine, fields, ["left"], {})
    usable, left_out = records.usable(engine, fields)
    columns = set(engine.columns("SELECT * FROM link_record"))
    engine.execute("""
        CREATE OR REPLACE TABLE partner_profile AS
        SELECT row_number() OVER (ORDER BY profile) - 1 AS place, * FROM (
            FROM link_record QUALIFY row_number() OVER (PARTITION BY profile ORDER BY rec) = 1)""")
    distinct = int(engine.one("SELECT count(*) FROM partner_profile"))
    order = np.random.default_rng(secrets.randbits(128)).permutation(distinct)
    tokens = pa.array([secrets.token_bytes(8) for _ in range(distinct)], pa.binary(8))
    sealed = _diffused(_filters(engine, fields, distinct, key, scheme), key, scheme)
    blocks, names = _blocks(engine, fields, columns, distinct, key, scheme)
    body = {"token": tokens, "encoding": _binary(sealed)} | blocks
    table = pa.table(body).take(pa.array(order)).replace_schema_metadata({"block_bits": str(names["bits"])})
    engine.register("partner_token", pa.table({"place": pa.array(range(distinct)), "token": tokens}))
    rows = engine.arrow("""
        SELECT i.id, t.token FROM partner_id i JOIN link_row r USING (n) JOIN partner_profile p USING (profile)
        JOIN partner_token t USING (place) ORDER BY i.n""")
    report = {
        "rows": count,
        "records": distinct,
        "fields": [[field.name, field.kind] for field in fields],
        "used": [one.as_dict() for one in usable],
        "left_out": left_out,
        "dates": {side: form.as_dict() for side, form in forms.items()},
        "blocks": names,
        "scheme": scheme.as_dict(),
    }
    return Encoding(table, rows, report)


def _subkey(key: bytes, use: str) -> bytes:
    return hmac.digest(key, f"{METHOD}/{use}".encode(), "sha256")


def _positions(key: bytes, field: str, piece: str, count: int, bits: int) -> npt.NDArray[np.int64]:
    """``count`` bits for one piece of one field: a stream from HMAC-SHA256, four bytes a bit."""
    seed = hmac.digest(key, f"{field}\x1f{piece}".encode(), "sha256")
    stream = hashlib.shake_256(seed).digest(4 * count)
    return (np.frombuffer(stream, "<u4") % bits).astype(np.int64)


def _filters(
    engine: Engine, fields: list[Field], count: int, key: bytes, scheme: Scheme
) -> npt.NDArray[np.uint8]:
    """The Bloom filter of every record of ``partner_profile``: (count, filter_bits / 8) bytes."""
    key = _subkey(key, "filter")
    insertions = -math.log(1 - scheme.fill) * scheme.filter_bits
    share = insertions / sum(spec_of(field).weight for field in fields)
    filters = np.zeros((count, scheme.filter_bits // 8), np.uint8)
    for field in fields:
        spec = spec_of(field)
        each = max(1, round(share * spec.weight / spec.pieces))
        engine.execute(f"""
            CREATE OR REPLACE TEMP TABLE partner_value AS
            SELECT row_number() OVER () - 1 AS value_place, v FROM (
                SELECT DISTINCT {values_sql(field)} AS v FROM partner_profile) WHERE v IS NOT NULL""")
        pieces = engine.arrow(
            f"SELECT {pieces_sql(spec.cut, 'v')} AS p FROM partner_value ORDER BY value_place"
        )
        masks = _masks(pieces.column(0), key, field.name, each, scheme.filter_bits)
        where = engine.arrow(f"""
            SELECT p.place, v.value_place FROM partner_profile p
            JOIN partner_value v ON v.v = {values_sql(field)}""")
        place, value = (where.column(name).to_numpy() for name in ("place", "value_place"))
        for start in range(0, len(place), _CHUNK):
            part = place[start : start + _CHUNK]
            filters[part] |= masks[value[start : start + _CHUNK]]
    return filters


def _masks(pieces: pa.ChunkedArray, key: bytes, field: str, each: int, bits: int) -> npt.NDArray[np.uint8]:
    """The bits that each value's pieces set: (values, bits / 8) bytes."""
    if not len(pieces):
        return np.zeros((0, bits // 8), np.uint8)
    lists = pieces.combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    coded = lists.flatten().dictionary_encode()
    alphabet = np.zeros((len(coded.dictionary), bits), bool)
    for number, piece in enumerate(coded.dictionary.to_pylist()):
        alphabet[number, _positions(key, field, piece, each, bits)] = True
    packed = np.packbits(alphabet, axis=1).view(np.uint64)
    codes = coded.indices.to_numpy()
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(lengths)
    masks = np.zeros((len(lists), bits // 64), np.uint64)
    for start in range(0, len(lists), _CHUNK):
        stop = min(start + _CHUNK, len(lists))
        first = int(ends[start - 1]) if start else 0
        present = np.flatnonzero(lengths[start:stop])
        if len(present):
            offsets = (ends[start:stop] - lengths[start:stop] - first)[present]
            masks[start + present] = np.bitwise_or.reduceat(
                packed[codes[first : int(ends[stop - 1])]], offsets, axis=0
            )
    return masks.view(np.uint8)


def _diffused(filters: npt.NDArray[np.uint8], key: bytes, scheme: Scheme) -> npt.NDArray[np.uint8]:
    """Each bit out is the exclusive or of ``diffusion`` bits in, chosen by the key: (count, bits / 8) bytes."""
    stream = hashlib.shake_256(_subkey(key, "diffusion")).digest(8 * scheme.bits * scheme.diffusion * 4)
    numbers = iter(np.frombuffer(stream, "<u4") % scheme.filter_bits)
    chosen = np.empty((scheme.bits, scheme.diffusion), np.int64)
    for row in chosen:
        picked: list[int] = []
        while len(picked) < scheme.diffusion:
            number = int(next(numbers))
            if number not in picked:
                picked.append(number)
        row[:] = picked
    out = np.empty((len(filters), scheme.bits // 8), np.uint8)
    for start in range(0, len(filters), _CHUNK):
        # one row a bit: whole rows are combined at once
        bits = np.ascontiguousarray(np.unpackbits(filters[start : start + _CHUNK], axis=1).T)
        mixed = bits[chosen[:, 0]]
        for step in range(1, scheme.diffusion):
            mixed ^= bits[chosen[:, step]]
        out[start : start + _CHUNK] = np.packbits(mixed.T, axis=1)
    return out


def _blocks(
    engine: Engine, fields: list[Field], columns: set[str], count: int, key: bytes, scheme: Scheme
) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    """The blocking keys: ``block_N`` (uint32, only the first bits are set), and what they are."""
    bits = max(0, min(24, round(math.log2(max(1, count) / scheme.records_per_block))))
    made: dict[str, pa.Array] = {}
    keys = passes(fields, columns)
    for number, parts in enumerate(keys):
        values = engine.arrow(f"SELECT {pass_sql(parts)} AS v FROM partner_profile ORDER BY place").column(0)
        hidden = pseudonymise_strings(values.cast(pa.string()), _subkey(key, "block"), "+".join(parts))
        missing = hidden.is_null()
        whole = hidden.fill_null(0).to_numpy().astype(np.uint64) >> np.uint64(31)
        cut = (whole >> np.uint64(32 - bits) << np.uint64(32 - bits)).astype(np.uint32)
        made[f"block_{number}"] = pc.if_else(missing, None, pa.array(cut))
    return made, {"bits": bits, "keys": ["+".join(parts) for parts in keys]}


def _binary(rows: npt.NDArray[np.uint8]) -> pa.Array:
    width = rows.shape[1]
    return pa.Array.from_buffers(
        pa.binary(width), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows).tobytes())]
    )
