"""Notes of a workspace: what stands in the place of a release's tags, as the scope says.

Surrogates are drawn with a key of the project's own; dates move by the days by which the project's tables move for the
same person. So one patient's notes agree with each other and with the tables, and two projects' do not.
"""

from __future__ import annotations

import pyarrow as pa

from lockgate.deidentify.text import Form, from_json, render
from lockgate.site import Site
from lockgate.workspace.extract import Extract

_NEEDED = ("stands", "anchor", "days")


def render_notes(site: Site, extract: Extract, rows: pa.Table) -> tuple[pa.Table, int]:
    """Rows of ``Extract.rows_sql`` with their ``note_text`` in the scope's form, and how many notes that changed."""
    scope = extract.scope
    key = site.project_key(scope.project, "notes")
    surrogates, dates = scope.notes == "surrogates", scope.dates
    oldest = max(extract.oldest, extract.year - scope.top_age if scope.top_age else 0)
    texts: list[str | None] = []
    changed = 0
    columns = (rows["note_text"], *(rows[name] for name in _NEEDED))
    for batch in zip(*(column.to_pylist() for column in columns), strict=True):
        text, kept, anchor, days = batch
        if text is not None and kept is not None:
            form = Form(surrogates, dates, key, days, anchor, oldest)
            shown = render(text, from_json(kept), form)
            changed += shown != text
            text = shown
        texts.append(text)
    place = rows.column_names.index("note_text")
    return rows.set_column(place, "note_text", pa.array(texts, pa.string())).drop_columns(
        list(_NEEDED)
    ), changed
