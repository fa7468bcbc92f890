"""The API of data sets: their classes, and giving one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Schema

from lockgate.portal.api.access import In, Operations
from lockgate.portal.datasets import services
from lockgate.portal.pages import SignedIn

router = Operations(tags=["data sets"])


class DataSetOut(Schema):
    """A data set with the class that its owner gave it; empty where none was given."""

    name: str
    label: str
    tables: list[str]
    level: str
    reason: str
    by: str
    at: datetime | None


class ClassIn(In):
    """open, moderate, sensitive or highest; and why."""

    level: str
    reason: str


def _out(row: services.DataSet) -> dict[str, Any]:
    told = {"name": row.name, "label": row.label, "tables": list(row.tables)}
    if row.given is None:
        return {**told, "level": "", "reason": "", "by": "", "at": None}
    return {
        **told,
        "level": row.given.level,
        "reason": row.given.reason,
        "by": row.given.by.username,
        "at": row.given.at,
    }


@router.on("GET", "/data-sets", list[DataSetOut], scope="read", needs="explore.search")
def data_sets(request: SignedIn) -> Any:
    """Every data set with its class."""
    return [_out(one) for one in services.data_sets()]


@router.on("PUT", "/data-sets/{name}/class", DataSetOut, scope="decide", needs="data.classify")
def classify(request: SignedIn, name: str, told: ClassIn) -> Any:
    """Give my data set its class."""
    services.classify(request.user, name, told.level, told.reason)
    return _out(services.get(name))
