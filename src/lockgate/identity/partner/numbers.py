"""NHS numbers as pseudonyms that only the two holders of an exchange's key can make.

A number with a right check digit is one block of AES-256 under a key of the exchange: no two share a pseudonym, another
project's are unrelated, and without the key a list of every NHS number opens none. Beside it go three proofs of the
birth date (year and month, year and day, month and day), each cut to 16 bits and bound to the number: two records
agree when one of the three does, so that a wrong number links nobody and a slip in the date is forgiven.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.engine import Engine
from lockgate.identity.pseudonym import sealed_blocks

PROOFS = ("proof_ym", "proof_yd", "proof_md")


def pseudonyms(engine: Engine, table: str, key: bytes) -> pa.Table:
    """``pseudonym`` (16 bytes) and the proofs (uint16, NULL without a birth date) of a table's distinct people.

    ``table`` has ``id``, ``nhs`` (clean and valid) and ``birth_date``. Out: id, pseudonym, proofs, in the order of id.
    """
    rows = engine.arrow(f"""
        SELECT id, CAST(nhs AS BIGINT) AS nhs, coalesce(year(birth_date), 0) AS y,
               coalesce(month(birth_date), 0) AS m, coalesce(day(birth_date), 0) AS d, birth_date IS NULL AS missing
        FROM {table} ORDER BY id""").combine_chunks()
    numbers = rows["nhs"].to_numpy().astype(np.int64)
    blocks = sealed_blocks(numbers, key, "nhs_number")
    body: dict[str, Any] = {
        "id": rows["id"],
        "pseudonym": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(blocks).tobytes())]
        ),
    }
    y, m, d = (rows[name].to_numpy().astype(np.int64) for name in "ymd")
    missing = rows["missing"].to_numpy(zero_copy_only=False).astype(bool)
    parts = {"proof_ym": y * 16 + m, "proof_yd": y * 32 + d, "proof_md": m * 32 + d}
    for name in PROOFS:
        # ten digits take 34 bits, a part of a date 17
        sealed = sealed_blocks((numbers << 17) | parts[name], key, name)[:, 0]
        body[name] = pa.array((sealed & np.uint64(0xFFFF)).astype(np.uint16), mask=missing)
    return pa.table(body)


def agree_sql(left: str, right: str) -> str:
    """Whether the birth dates of two sides agree in two parts of three; a side without one does not object."""
    same = " OR ".join(f"{left}.{name} = {right}.{name}" for name in PROOFS)
    return f"({left}.{PROOFS[0]} IS NULL OR {right}.{PROOFS[0]} IS NULL OR {same})"
