"""Notes of a workspace: what stands in the place of a release's tags, as the scope says.

Surrogates are drawn with a key of the project's own; dates move by the days by which the project's tables move for the
same person. So one patient's notes agree with each other and with the tables, and two projects' do not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa

from lockgate.deidentify.text import Form, from_json, moved, render
from lockgate.engine import Engine
from lockgate.site import Site
from lockgate.workspace.extract import Extract, relation

_NEEDED = ("stands", "anchor", "days")


def _forms(site: Site, extract: Extract) -> Callable[[date | None, int | None], Form]:
    """The form of a note, by its day and by how many days its person's dates move."""
    scope = extract.scope
    key = site.project_key(scope.project, "notes")
    oldest = max(extract.oldest, extract.year - scope.top_age if scope.top_age else 0)
    surrogates, dates = (
        scope.notes == "surrogates",
        scope.dates if scope.notes in ("dates", "surrogates") else "tag",
    )
    return lambda anchor, days: Form(surrogates, dates, key, days, anchor, oldest, scope.top_age)


def render_notes(site: Site, extract: Extract, rows: pa.Table) -> tuple[pa.Table, int]:
    """Rows of ``Extract.rows_sql`` with their ``note_text`` in the scope's form, and how many notes that changed."""
    form_of = _forms(site, extract)
    texts: list[str | None] = []
    changed = 0
    columns = (rows["note_text"], *(rows[name] for name in _NEEDED))
    for text, kept, anchor, days in zip(*(column.to_pylist() for column in columns), strict=True):
        shown = render(text, from_json(kept), form_of(anchor, days)) if text else text
        changed += shown != text
        texts.append(shown)
    place = rows.column_names.index("note_text")
    return rows.set_column(place, "note_text", pa.array(texts, pa.string())).drop_columns(
        list(_NEEDED)
    ), changed


def place_mentions(site: Site, engine: Engine, extract: Extract, rows: pa.Table) -> pa.Table:
    """Rows of note_nlp whose ``offset`` is that in the project's own notes; NULL for what stands there no more."""
    form_of = _forms(site, extract)
    where: dict[int, list[int]] = {}
    for number, note in enumerate(rows["of_note"].to_pylist()):
        where.setdefault(note, []).append(number)
    days, offsets = rows["days"].to_pylist(), rows["offset"].to_pylist()
    engine.register("mentioned", pa.table({"note_id": pa.array(where, pa.int64())}))
    notes = engine.arrow(
        f"SELECT note_id, note_text, note_stands, note_date FROM {relation('note')} "
        "SEMI JOIN mentioned USING (note_id)"
    )
    for note, text, kept, anchor in zip(*(column.to_pylist() for column in notes.columns), strict=True):
        told = sorted((int(offsets[number]), number) for number in where[note] if offsets[number] is not None)
        form = form_of(anchor, days[told[0][1]]) if told else Form()
        places = moved(text, from_json(kept), form, [begin for begin, _ in told])
        for (_, number), there in zip(told, places, strict=True):
            offsets[number] = None if there is None else str(there)
    place = rows.column_names.index("offset")
    return rows.set_column(place, "offset", pa.array(offsets, pa.string())).drop_columns(["of_note", "days"])
