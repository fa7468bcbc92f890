"""Second opinions on disclosure control: acro on tables and models, and scipy's linear programmes as the attacker."""

from __future__ import annotations

import json
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.bench.core import Measure, environment
from lockgate.disclosure import Rules, dominated, is_small
from lockgate.disclosure.network import UNBOUNDED, Bools, Network

WANTED = ["acro==1.0.2"]
RULES = Rules(zeros="suppress", dominance_n=2, dominance_k=90.0, p_percent=10.0)
"""acro's defaults, as ours."""

# what acro lets through (1.0.2); each is stopped by the attack of the same kind in disclosure_attacks
MISSED = {
    "median of 12 people": "a quartile of fifteen people",
    "standard deviation that one person makes": "values that cancel to nought",
    "saturated model of groups of six": "a saturated model",
    "a term of one person in a model": "a term of three people in a model",
    "a record that decides its own fit": "a record that decides its own fit",
    "two cohorts a person apart": "two cohorts a person apart in one request",
}


def peer() -> tuple[tempfile.TemporaryDirectory[str], Path] | None:
    """An environment with acro (and scipy), and the folder it stands in; None when it can't be had."""
    folder = tempfile.TemporaryDirectory(prefix="lockgate-acro-")
    python = environment(Path(folder.name), WANTED)
    if python is None:
        folder.cleanup()
        return None
    return folder, python


def ask(python: Path, script: str, question: dict[str, Any]) -> Any:
    """What a script of ``peers/`` answers."""
    text = resources.files(__package__).joinpath("peers", f"{script}.txt").read_text(encoding="utf-8")
    done = subprocess.run(
        [str(python), "-c", text],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)


def programme(python: Path, network: Network, cells: list[tuple[int, int]], rules: Rules) -> Measure:
    """Linear programmes over all tables that agree with what is shown: no withheld small count may be narrowed."""
    high = [[None if v >= UNBOUNDED else int(v) for v in row] for row in network.high.tolist()]
    answer = ask(python, "lp", {"low": network.low.tolist(), "high": high, "cells": cells})
    least = 0 if rules.zeros == "suppress" else 1
    open_ = [
        low is not None and low <= least + 1e-6 and (top is None or top >= rules.threshold - 1 - 1e-6)
        for low, top in answer
    ]
    ours = [network.interval(i, j) for i, j in cells]
    same = True
    for (low, top), mine in zip(answer, ours, strict=True):
        bounded = mine[1] < UNBOUNDED // 2
        same &= abs((low or 0) - mine[0]) < 1e-6 and (top is not None) == bounded
        same &= not bounded or abs((top or 0) - mine[1]) < 1e-6
    return Measure(
        "withheld small counts that a linear programme (HiGHS) narrows beyond policy",
        len(cells) - sum(open_), "cells", 0, False, correct=same,
        parts={"attacked": len(cells), "same bounds as ours": same},
    )  # fmt: skip


def second_opinion(python: Path, rng: np.random.Generator, tables: int) -> list[Measure]:
    """acro on random tables, where it is right, and on the cases where it is wrong."""
    asked = [_table(rng, sums=bool(i % 2)) for i in range(tables)]
    answer = ask(python, "acro", {"tables": [frame for frame, _, _ in asked]})
    same = compared = 0
    for (_, few, top), said in zip(asked, answer["tables"], strict=True):
        theirs = np.zeros_like(few)
        for name in ("MinimumThresholdCheck", "NKCheck", "PPercentCheck"):
            for i, j in said["cells"].get(name, []):
                theirs[i, j] = True
        compared += few.size
        same += int((theirs == (few | top)).sum())
    cases = answer["cases"]
    missed = [
        name
        for name in MISSED
        if not any(cases[name]["cells"].values()) and "fail" not in cases[name]["said"]
    ]
    shows = cases["rounding instead of withholding"].get("shows")
    return [
        Measure(
            "cells judged as acro judges them (threshold, n-k and p %; its parameters)",
            100 * same / compared, "%", 100.0, correct=same == compared, parts={"cells": compared, "tables": tables},
        ),
        Measure(
            "attacks that acro flags no cell or term of", len(missed), "attacks", None,
            parts={"a count of 3 rounded is shown as": shows, "said": {n: cases[n]["said"] for n in missed}},
        ),
    ]  # fmt: skip


def _table(rng: np.random.Generator, *, sums: bool) -> tuple[dict[str, list[Any]], Bools, Bools]:
    """Records of a random table, and which of its cells are small or dominated by our rules."""
    inner = rng.integers(1, 40, (4, 5))
    frame: dict[str, list[Any]] = {"r": [], "c": []}
    values: list[float] = []
    top = np.zeros(inner.shape, dtype=bool)
    for i, j in np.ndindex(*inner.shape):
        amounts = np.sort(rng.lognormal(3, 2.5, inner[i, j]))[::-1]
        frame["r"] += [i] * len(amounts)
        frame["c"] += [j] * len(amounts)
        values += amounts.tolist()
        shares = np.append(amounts, [0.0, 0.0])[:2] / amounts.sum()
        top[i, j] = dominated([shares[0]], [shares[1]], RULES)[0]
    if sums:
        frame["v"] = values
    return frame, is_small(inner, RULES), top if sums else np.zeros_like(top)
