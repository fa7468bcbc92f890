"""Keyed pseudonyms: the same person is another number to every project, and no number leads back without the key.

Integers: each key is one block of AES-256 (FIPS 197), the block holding a tag of the domain and the 64-bit integer.
AES is a permutation of its blocks, so distinct keys give distinct blocks; of each block 63 bits are kept, as a
positive BIGINT. Two keys that meet in those 63 bits (about one chance in 10**19 per pair) are refused, never merged.
Strings: keyed BLAKE2b (RFC 7693, a message authentication code), once per distinct value, cut to 63 bits likewise.

Without the key neither can be computed, so a list of every NHS number links nobody. A plain or salted hash would not
do: the ten thousand million NHS numbers are tried within minutes once the salt is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lockgate.engine import Engine
from lockgate.errors import LockgateError

Ints = npt.NDArray[np.int64]

_MASK = np.uint64(2**63 - 1)
_KEY_BYTES = 32


def _subkey(key: bytes, use: bytes, domain: str) -> bytes:
    """A key of its own for each use and domain (BLAKE2b as a key derivation)."""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a pseudonym key has {_KEY_BYTES} bytes, not {len(key)}: take it from Site.key")
    if not domain:
        raise ValueError("pseudonyms need a domain, such as 'person'")
    return hashlib.blake2b(domain.encode(), key=key, person=use, digest_size=_KEY_BYTES).digest()


def sealed_blocks(keys: Ints, key: bytes, domain: str) -> npt.NDArray[np.uint64]:
    """The AES-256 blocks of integer keys under a secret of 32 bytes, as pairs of 64-bit words: injective."""
    tag = hashlib.blake2b(domain.encode(), digest_size=8, person=b"lockgate-domain").digest()
    plain = np.empty((len(keys), 2), dtype="<u8")
    plain[:, 0] = int.from_bytes(tag, "little")
    plain[:, 1] = keys.view(np.uint64)
    # ECB is right here and only here: every block is distinct, and nothing longer than a block is encrypted.
    cipher = Cipher(algorithms.AES(_subkey(key, b"lockgate-ints", domain)), modes.ECB()).encryptor()  # noqa: S305
    sealed = bytearray(plain.nbytes + 15)
    cipher.update_into(plain.data.cast("B") if len(keys) else b"", sealed)
    return np.frombuffer(sealed, dtype="<u8", count=2 * len(keys)).reshape(-1, 2)


def _refuse_collisions(pseudonyms: Ints, distinct: int, domain: str) -> None:
    """Raise unless ``distinct`` keys have as many pseudonyms, none of them 0."""
    ordered = np.sort(pseudonyms)
    found = int(np.count_nonzero(ordered[1:] != ordered[:-1])) + (len(ordered) > 0)
    if found != distinct or (len(ordered) and ordered[0] <= 0):
        raise LockgateError(
            f"two keys of the domain {domain!r} would share one pseudonym",
            remedy="use another key: raise the version in the key's purpose and build again",
        )


def _distinct(keys: Ints) -> int:
    ordered = np.sort(keys)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + (len(ordered) > 0)


def pseudonymise_ints(keys: npt.NDArray[np.int64] | pa.Array, key: bytes, domain: str) -> Ints:
    """Pseudonyms (int64, > 0) of integer keys without NULLs, in their order; equal keys get equal pseudonyms.

    ``key`` is 32 secret bytes; under another ``key`` or ``domain`` all pseudonyms are unrelated. Raises LockgateError
    when two distinct keys of this call would collide.
    """
    if isinstance(keys, pa.ChunkedArray):
        keys = keys.combine_chunks()
    if isinstance(keys, pa.Array):
        if keys.null_count:
            raise ValueError("NULL has no pseudonym: use pseudonymise, which keeps NULLs")
        keys = keys.cast(pa.int64()).to_numpy(zero_copy_only=False)
    plain = np.ascontiguousarray(keys, dtype=np.int64)
    pseudonyms = (sealed_blocks(plain, key, domain)[:, 0] & _MASK).astype(np.int64)
    _refuse_collisions(pseudonyms, _distinct(plain), domain)
    return pseudonyms


def pseudonymise_strings(values: pa.Array | pa.ChunkedArray, key: bytes, domain: str) -> pa.Int64Array:
    """Pseudonyms (int64, > 0) of strings; NULL stays NULL. Each distinct value is hashed once.

    Raises LockgateError when two distinct values of this call would collide.
    """
    encoded = values.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):  # no chunk at all
            return pa.array([], pa.int64())
    started = hashlib.blake2b(key=_subkey(key, b"lockgate-text", domain), digest_size=8)

    def digest(value: str) -> bytes:
        state = started.copy()
        state.update(value.encode())
        return state.digest()

    joined = b"".join(map(digest, encoded.dictionary.to_pylist()))
    pseudonyms = (np.frombuffer(joined, dtype="<u8") & _MASK).astype(np.int64)
    _refuse_collisions(pseudonyms, len(pseudonyms), domain)
    return pa.array(pseudonyms).take(encoded.indices)


def pseudonymise(values: pa.Array | pa.ChunkedArray, key: bytes, domain: str) -> pa.Int64Array:
    """Pseudonyms of an Arrow column of integers or strings; NULL stays NULL."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks else pa.array([], values.type)
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks)
    if not pa.types.is_integer(values.type):
        return pseudonymise_strings(values, key, domain)
    if not values.null_count:
        return pa.array(pseudonymise_ints(values, key, domain))
    present = pc.is_valid(values)
    hidden = pseudonymise_ints(values.drop_null(), key, domain)
    return pc.replace_with_mask(pa.nulls(len(values), pa.int64()), present, pa.array(hidden))


def rekey_table(table: pa.Table, columns: Mapping[str, str], key: bytes) -> pa.Table:
    """The table with each named column replaced by its pseudonyms; ``columns`` maps a column to its domain.

    Columns of one domain (``person_id`` in every table, say) stay joinable with one another.
    """
    for name, domain in columns.items():
        place = table.schema.get_field_index(name)
        if place < 0:
            raise KeyError(f"no column {name!r} to rekey")
        table = table.set_column(place, name, pseudonymise(table.column(place), key, domain))
    return table


def rekey(engine: Engine, table_sql: str, columns: Mapping[str, str], key: bytes) -> pa.Table:
    """The rows of a table, view or SELECT, with the key columns replaced; see ``rekey_table``."""
    source = f"({table_sql})" if " " in table_sql.strip() else table_sql
    return rekey_table(engine.arrow(f"SELECT * FROM {source}"), columns, key)
