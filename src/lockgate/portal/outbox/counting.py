"""References that count: each number once, however many people ask in the same moment."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import QuerySet


def next_reference(rows: QuerySet[Any], prefix: str, field: str = "reference") -> str:
    """``prefix`` and the number after that of the newest row that begins so, in four digits at least.

    Only inside of a transaction: PostgreSQL makes others wait for it to end, SQLite lets one write at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"lockgate:{prefix}"])
    newest = (
        rows.filter(**{f"{field}__startswith": prefix}).order_by("-id").values_list(field, flat=True).first()
    )
    return f"{prefix}{int(newest.removeprefix(prefix)) + 1 if newest else 1:04}"
