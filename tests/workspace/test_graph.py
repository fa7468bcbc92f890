"""``project.yaml`` is read strictly: what isn't understood is refused with its line."""

from __future__ import annotations

import pytest

from lockgate.errors import UsageError
from lockgate.workspace.graph import Graph, Step, matches, read_graph, single

FILES = ["project.yaml", "a.py", "b.py", "lib/tool.py", "counts.sql", "model.R"]
GOOD = b"""
version: 1
environment: stats
actions:
  counts:
    run: sql counts.sql
    needs: [cohort]
    outputs:
      moderately_sensitive: {table: by_year.csv}
  cohort:
    run: python a.py --year 2023 "two words"
    outputs:
      highly_sensitive: {rows: cohort.parquet, more: parts/*.parquet}
    limits: {seconds: 60}
  last:
    run: python b.py
    needs: [cohort, counts]
    code: [lib]
    environment: other@0123abcd
    outputs:
      moderately_sensitive: {all: "*.md"}
"""


def test_a_graph_is_read_in_the_order_of_needs():
    graph = read_graph(GOOD, FILES)
    assert [step.name for step in graph.steps] == ["cohort", "counts", "last"]
    cohort, counts, last = graph.steps
    assert cohort.arguments == ("--year", "2023", "two words")
    assert (cohort.environment, counts.environment, last.environment) == ("stats", "", "other@0123abcd")
    assert cohort.limits == {"seconds": 60}
    assert cohort.sensitivity("parts/1.parquet") == "highly_sensitive"
    assert cohort.sensitivity("elsewhere.csv") == ""


def test_a_step_sees_no_other_steps_script():
    graph = read_graph(GOOD, FILES)
    cohort, counts, last = graph.steps
    assert graph.view(cohort, FILES) == ["a.py", "lib/tool.py", "model.R"]
    assert graph.view(counts, FILES) == ["counts.sql", "lib/tool.py", "model.R"]
    assert graph.view(last, FILES) == ["b.py", "lib/tool.py"]  # as its code: says
    assert single("a.py").view(single("a.py").steps[0], FILES) == sorted(FILES)


def test_patterns():
    assert matches("lib/tool.py", "lib")
    assert matches("lib/tool.py", "*/tool.py")
    assert not matches("lib/tool.py", "*.py")
    assert not matches("lib.py", "lib")


def action(
    name: str = "one",
    run: str = "python a.py",
    outputs: str = "moderately_sensitive: {a: a.csv}",
    more: str = "",
):
    return f"  {name}:\n    run: {run}\n    outputs:\n      {outputs}\n{more}"


WRONG = {
    "a circle": (
        action("one", outputs="highly_sensitive: {a: a.csv}", more="    needs: [two]\n")
        + action("two", outputs="highly_sensitive: {a: b.csv}", more="    needs: [one]\n"),
        "circle: one needs two needs one",
        3,
    ),
    "itself": (action(more="    needs: [one]\n"), "circle: one needs one", 3),
    "an unknown need": (action(more="    needs: [cohrot]\n"), "'cohrot', which is no action", 6),
    "an output twice": (
        action("one") + action("two", run="python b.py"),
        "an output of one (line 5) already",
        9,
    ),
    "outputs that overlap": (
        action("one", outputs='moderately_sensitive: {a: "*.csv"}') + action("two", run="python b.py"),
        "an output of one",
        9,
    ),
    "one step twice": (action() + action(), "said twice", 6),
    "a need twice": (
        action("zero", outputs="highly_sensitive: {z: z}") + action(more="    needs: [zero, zero]\n"),
        "twice",
        10,
    ),
    "an unknown word": (action(more="    need: [zero]\n"), "has no 'need'", 6),
    "a missing script": (action(run="python c.py"), "the code has no file 'c.py'", 3),
    "another ending": (action(run="python counts.sql"), "after python comes a .py file", 3),
    "an image": (action(run="python:latest python a.py"), "begins with 'python:latest'", 3),
    "an open quotation": (action(run="python a.py 'x"), "left open", 3),
    "no outputs": ("  one:\n    run: python a.py\n", "has no outputs", 3),
    "empty outputs": (action(outputs="{}"), "has no outputs", 5),
    "an output outside": (action(outputs="highly_sensitive: {a: ../a.csv}"), "no path below /outputs", 5),
    "an absolute output": (action(outputs="highly_sensitive: {a: /etc/passwd}"), "no path below /outputs", 5),
    "the record": (action(outputs="highly_sensitive: {a: outputs.json}"), "no path below /outputs", 5),
    "a folder that may leave": (action(outputs="moderately_sensitive: {a: x/a.csv}"), "top of /outputs", 5),
    "another sensitivity": (action(outputs="not_sensitive: {a: a.csv}"), "has no 'not_sensitive'", 5),
    "code that isn't there": (action(more="    code: [tools]\n"), "no file of the code is 'tools'", 6),
    "a limit of nothing": (action(more="    limits: {seconds: 0}\n"), "1 or more", 6),
    "an odd name": (action("One"), "no name for an action", 3),
    "an environment for SQL": (
        action(run="sql counts.sql", more="    environment: x\n"),
        "only steps in Python",
        6,
    ),
    "an anchor": (action(more="    needs: &x []\n"), "anchors", 6),
    "a tab": ("\tone: x\n", "not YAML", 2),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_its_line(case):
    text, message, line = WRONG[case]
    with pytest.raises(UsageError) as error:
        read_graph(f"actions:\n{text}".encode(), FILES)
    assert message in error.value.message
    assert f"line {line}" in error.value.where


def test_what_is_no_graph_at_all():
    for text in (
        b"",
        b"[]",
        b"actions: {}",
        b"version: 1",
        b"actions: []",
        b"\xff",
        b"x: 1",
        b"a: " + b"[" * 5000,
    ):
        with pytest.raises(UsageError):
            read_graph(text, FILES)
    with pytest.raises(UsageError, match="larger"):
        read_graph(b"#" * 70_000, FILES)


def test_an_environment_for_steps_that_name_none():
    graph = Graph(
        (Step("a", "python", "a.py"), Step("b", "sql", "b.sql"), Step("c", "python", "c.py", environment="x"))
    )
    assert [step.environment for step in graph.within("e").steps] == ["e", "", "x"]
