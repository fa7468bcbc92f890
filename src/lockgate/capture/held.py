"""The quarantine as people use it: list it, look into one item, try again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lockgate.capture.access import require_owner
from lockgate.capture.batches import Batch, CaptureResult, batches
from lockgate.capture.fhir import FhirReader
from lockgate.capture.hl7v2 import Hl7Reader
from lockgate.capture.intake import run
from lockgate.capture.quarantine import held, raw_of
from lockgate.capture.readers import DirectReader, Reader
from lockgate.capture.reasons import REASONS
from lockgate.capture.tabular import TableReader, contract
from lockgate.engine import Engine, literal
from lockgate.errors import UsageError
from lockgate.site import Site

# Their raw text is a stump or no text: only the source can mend them.
HOPELESS = (
    "unreadable-file",
    "truncated-file",
    "not-utf8",
    "wrong-columns",
    "open-quote",
    "wrong-charset",
    "not-hl7",
    "too-large",
)


@dataclass(frozen=True, slots=True)
class Held:
    """One item in quarantine. ``record_id`` is left out: it may be a hospital or NHS number."""

    item_hash: str
    batch: str
    source: str
    file: str
    line: int
    kind: str | None
    reason: str
    detail: str | None

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def list_held(
    site: Site, *, reason: str = "", source: str = "", batch: str = "", limit: int = 100
) -> tuple[dict[str, int], list[Held]]:
    """What is in quarantine now: counts by reason, and the first ``limit`` items in order of batch, file, line."""
    visible = batches(site, source or None)
    sources = {one.batch_id: one.source for one in visible}
    conditions = ["true"]
    if reason:
        conditions.append(f"reason = {literal(_reason(reason))}")
    if batch:
        conditions.append(f"batch_id = {literal(batch)}")
    with Engine(threads=1) as engine:
        engine.execute(
            f"CREATE VIEW held AS SELECT * FROM ({held(visible)}) WHERE {' AND '.join(conditions)}"
        )
        counts = dict(engine.rows("SELECT reason, count(*) FROM held GROUP BY ALL ORDER BY ALL"))
        rows = engine.rows(
            "SELECT item_hash, batch_id, file, line, kind, reason, detail FROM held"
            f" ORDER BY batch_id, file, line, item_hash LIMIT {int(limit)}"
        )
    items = [Held(row[0], row[1], sources[row[1]], *row[2:]) for row in rows]
    return counts, items


def show_held(site: Site, item_hash: str, *, actor: str) -> dict[str, Any]:
    """One item with its raw text, for the user who owns the landing zone and nobody else.

    ``item_hash`` may be its first digits. The look is written to the audit chain (the hash, not the content).
    Raises Refused for another user, UsageError when no such item, or several, are in quarantine.
    """
    require_owner(site)
    if len(item_hash) < 6 or not all(letter in "0123456789abcdef" for letter in item_hash):
        raise UsageError("an item is named by at least the first six digits of its hash", where=item_hash)
    visible = batches(site)
    with Engine(threads=1) as engine:
        found = engine.rows(
            "SELECT item_hash, batch_id, file, line, kind, reason, detail, waits_for"
            f" FROM ({held(visible)}) WHERE starts_with(item_hash, {literal(item_hash)}) ORDER BY batch_id"
        )
        if not found or len({row[0] for row in found}) > 1:
            raise UsageError(
                "several items begin so" if found else "no such item is in quarantine",
                where=item_hash,
                remedy="`lockgate capture quarantine list` shows what is",
            )
        names = ("item_hash", "batch", "file", "line", "kind", "reason", "detail", "waits_for")
        item = dict(zip(names, found[0], strict=True))
        wanted = f"SELECT {literal(item['item_hash'])} AS item_hash, {literal(item['batch'])} AS batch_id"
        raw = raw_of(engine, visible, wanted)
    site.audit.append("capture.quarantine.shown", actor=actor, item=item["item_hash"], batch=item["batch"])
    reason = REASONS[str(item["reason"])]
    return {**item, "meaning": reason.meaning, "remedy": reason.remedy, "raw": raw.column("raw")[0].as_py()}


def retry_held(site: Site, *, reason: str = "", source: str = "", actor: str) -> list[CaptureResult]:
    """Take quarantined items again, as after an upgrade or a changed contract; one result per source and format.

    Items that fail again stay where they are. A source for which nothing moved leaves no batch.
    """
    if reason:
        _reason(reason)
    groups = sorted({(one.source, one.format) for one in batches(site, source or None)})
    return [
        run(site, reader_of(form, site), [], source=name, actor=actor, retry=_wanted(form, reason))
        for name, form in groups
    ]


def _wanted(form: str, reason: str) -> Any:
    def sql(earlier: Sequence[Batch]) -> str:
        same = [one for one in earlier if one.format == form]
        chosen = f"reason = {literal(reason)}" if reason else "true"
        hopeless = ", ".join(literal(each) for each in HOPELESS)
        return f"SELECT item_hash, batch_id FROM ({held(same)}) WHERE {chosen} AND reason NOT IN ({hopeless})"

    return sql


def reader_of(form: str, site: Site) -> Reader | DirectReader:
    """The reader of a batch's format. Raises UsageError where it is of a contract that is not there any more."""
    if form == "hl7v2":
        return Hl7Reader()
    return FhirReader() if form == "fhir" else TableReader(contract(form.removeprefix("table:"), site))


def _reason(code: str) -> str:
    if code not in REASONS:
        raise UsageError(f"no reason is called {code!r}", remedy=f"choose one of {', '.join(REASONS)}")
    return code
