"""What a linkage leaves behind for whoever asks how it was made: settings, parameters and counts, no value of a record.

The SQL of the conditions names columns and standard forms; nothing of a person is in any of the files.
"""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from lockgate.identity.linkage.model import Model
from lockgate.site.files import make_dir, write_atomic

PARAMETERS = ("comparison", "level", "m", "u", "relatives", "weight", "m_first", "u_first", "m_change")


def parameters(model: Model) -> list[dict[str, Any]]:
    """One row a level: m and u as used, r (among relatives), the weight log2(m / u), and m and u as first estimated
    (by Splink's expectation maximisation, before all candidate pairs were taken together) with the change of m."""
    first = model.provenance.get("first_estimates", {})
    rows: list[dict[str, Any]] = []
    for comparison in model.settings["comparisons"]:
        name = comparison["output_column_name"]
        for level in comparison["comparison_levels"]:
            if level.get("is_null_level"):
                continue
            label, m, u = level["label_for_charts"], level["m_probability"], level["u_probability"]
            before = first.get(name, {}).get(label, {})
            rows.append({
                "comparison": name, "level": label, "m": m, "u": u, "relatives": level.get("r_probability"),
                "weight": round(math.log2(m / u), 3), "m_first": before.get("m"), "u_first": before.get("u"),
                "m_change": m - before["m"] if before.get("m") is not None else None,
            })  # fmt: skip
    return rows


def write(folder: Path, model: Model, report: dict[str, Any]) -> None:
    """Write ``model.json``, ``settings.json`` (as Splink takes them), ``parameters.csv``, ``blocking.csv``,
    ``training.json`` and ``report.json`` into a folder (made where it isn't there)."""
    make_dir(folder)
    model.save(folder / "model.json")
    _json(folder / "settings.json", model.settings)
    _json(folder / "training.json", model.provenance)
    _json(folder / "report.json", report)
    _csv(folder / "parameters.csv", PARAMETERS, parameters(model))
    _csv(
        folder / "blocking.csv",
        tuple(report["blocking"][0]) if report["blocking"] else (),
        report["blocking"],
    )


def _json(path: Path, value: object) -> None:
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def _csv(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())
