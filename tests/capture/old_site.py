"""Makes of a site that today's code captured one as the first landed version (572bef7) left it.

What a later version added to the staged tables is taken out again, batch.json says nothing of a layout, and the rows
of the death register stand under the names that their contract had then. Only what was there then may be in the site:
FHIR and the first nine contracts.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.capture.batches import Batch, batches
from lockgate.capture.lines import item_hash
from lockgate.site import Site

# table -> columns that it has gained since
GAINED = {
    "patient": ("identifiers", "lsoa11_code"),
    "encounter": ("time_flag",),
    "encounter_move": ("type_system", "type_code"),
    "condition": ("time_flag",),
    "medication": ("medicine_ref", "time_flag"),
    "procedure": ("time_flag",),
    "result": ("member_refs", "time_flag"),
    "report": ("time_flag",),
    "document": ("time_flag",),
    "allergy": ("verification_status", "time_flag"),
    "specimen": ("alt_code_system", "alt_code", "time_flag", "consent_date", "parent_ref"),
    "imaging_study": ("time_flag",),
    "death": ("registered_on",),
    "incident": (
        "occurred_on",
        "event_kind",
        "harm_psychological",
        "concern",
        "involved",
        "safety_challenges",
        "medication_problem",
        "device_problem",
    ),
    "feedback": ("date_flag",),
    "objection": ("patient_ref", "purposes"),
}
# Tables that there were not.
NEW = ("medicine", "care_plan", "roster", "social_care_event", "patient_merge", "adt_event")
RENAMED = {"deaths": {"death_id": "record_id"}}


def make_old(site: Site) -> None:
    """Turn every batch of the site back."""
    for batch in batches(site):
        hashes = _rename(batch, RENAMED.get(batch.source, {}))
        for path in sorted(batch.staged.glob("*.parquet")):
            if path.stem in NEW:
                path.unlink()
                continue
            table = pq.read_table(path)
            table = table.drop_columns([n for n in GAINED.get(path.stem, ()) if n in table.column_names])
            _write(_rehashed(table, hashes), path)
        facts = {key: value for key, value in batch.facts.items() if key not in ("layout", "upgrades")}
        (batch.folder / "batch.json").write_text(json.dumps(facts))


def _rename(batch: Batch, names: dict[str, str]) -> dict[str, str]:
    """Give a batch's raw rows their contract's former column names; the hash of each, then by now."""
    if not names:
        return {}
    hashes: dict[str, str] = {}
    raw = pq.read_table(batch.raw)
    texts = []
    for digest, text in zip(raw.column("item_hash").to_pylist(), raw.column("raw").to_pylist(), strict=True):
        for now, then in names.items():
            text = text.replace(f'"{now}":', f'"{then}":') if text else text
        hashes[digest] = item_hash(text.encode()) if text else digest
        texts.append(text)
    place = raw.schema.get_field_index("raw")
    _write(_rehashed(raw.set_column(place, "raw", pa.array(texts, pa.large_string())), hashes), batch.raw)
    _write(_rehashed(pq.read_table(batch.quarantine), hashes), batch.quarantine)
    return hashes


def _rehashed(table: pa.Table, hashes: dict[str, str]) -> pa.Table:
    place = table.schema.get_field_index("item_hash")
    told = [hashes.get(digest, digest) for digest in table.column("item_hash").to_pylist()]
    return table.set_column(place, "item_hash", pa.array(told, pa.string()))


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")
