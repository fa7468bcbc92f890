"""What a format brings to a capture: how its raw items become typed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa

from lockgate.capture.seen import Codes

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake


class Reader(Protocol):
    """How a format turns raw items into typed rows, in SQL."""

    format: str  # as batch.json keeps it: "fhir", or "table:<contract>"
    head: str  # SQL over `raw`: the list [kind, record_id, updated, version]; NULL where raw can't be read

    def prepare(self, intake: Intake) -> None:
        """Define macros and the like, once."""

    def unpack(self, intake: Intake) -> bool:
        """Replace containers (a Bundle) in ``chunk`` by what they contain; whether there were any."""

    def digest(self, intake: Intake) -> None:
        """Add typed rows of the items in ``fresh`` to staged_<table>, and what is wrong with others to ``fault``."""

    def finish(self, intake: Intake) -> None:
        """What can only be told when everything has come; after it the batch is written."""


@runtime_checkable
class DirectReader(Protocol):
    """A format's reader that stages Arrow tables itself (``Intake.stage``, ``Intake.add_faults``)."""

    format: str

    def prepare(self, intake: Intake) -> None:
        """Define macros and the like, once."""

    def unpack(self, intake: Intake) -> bool:
        """Replace containers (a Bundle) in ``chunk`` by what they contain; whether there were any."""

    def read(self, intake: Intake, items: pa.Table) -> tuple[Codes, pa.StringArray]:
        """Stage items (item_hash, raw, fault where it could not even be read); each one's kind and record_id.

        The kind is its code in ``intake.seen``.
        """

    def flush(self, intake: Intake) -> None:
        """Stage what waits for more of its kind; after it, all sound items that were read are staged."""

    def finish(self, intake: Intake) -> None:
        """What can only be told when everything has come; after it the batch is written."""


@runtime_checkable
class Renews(Protocol):
    """A reader of items whose raw text an earlier version wrote in another way."""

    def renew(self, items: pa.Table) -> pa.Table:
        """``items`` with ``raw`` as it would be written now, and ``hash_now``, what its hash would be (or NULL)."""
