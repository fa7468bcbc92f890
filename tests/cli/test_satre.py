"""The page on SATRE names every statement, and only tests that are there."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

from lockgate.cli.reference_satre import STATUS, statements

ROOT = Path(__file__).resolve().parents[2]
ROWS = statements(ROOT / "docs" / "satre.yaml")


def test_every_statement_is_there_as_it_was_written(shared_data: Path) -> None:
    with (shared_data / "governance" / "satre.csv").open(encoding="utf-8", newline="") as stream:
        asked = {row["id"]: row for row in csv.DictReader(stream)}
    assert [row["id"] for row in ROWS] == list(asked)
    for row in ROWS:
        theirs = asked[row["id"]]
        assert row["statement"] == theirs["statement"].strip()
        assert (row["importance"], row["by"]) == (theirs["importance"], theirs["satisfied_by"])


def test_what_is_met_is_shown_by_tests_that_exist() -> None:
    known: dict[str, set[str]] = {}
    for row in ROWS:
        assert row["status"] in STATUS, row["id"]
        assert row["tests"] or row["status"] != "met", f"{row['id']} is said to be met and nothing shows it"
        assert row["how"] or row["status"] in ("own", "not yet"), row["id"]
        for test in row["tests"]:
            file, _, name = test.partition("::")
            if file not in known:
                tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
                known[file] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert name in known[file] or (not name and known[file]), test
