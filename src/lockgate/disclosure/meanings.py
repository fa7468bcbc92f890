"""What each rule means, in words that hold nothing of the outputs.

A finding's own message names columns, cells and files, which the code wrote and which may hold data. Whoever may not
see unchecked outputs reads these sentences instead.
"""

from __future__ import annotations

# rule -> (what was found, what mends it)
MEANINGS: dict[str, tuple[str, str]] = {
    "threshold": ("a count below the threshold", "withhold it and what it could be worked out from"),
    "rounding": ("counts that are not rounded", "round them"),
    "rounding undone": (
        "statistics that together give an unrounded count back",
        "withhold one of them, or show fewer decimals",
    ),
    "remainder": (
        "a total a few people away from its parts: a small group stands outside them",
        "show that group as a row of its own (people with nothing stated, say)",
    ),
    "withheld": ("figures that contradict each other", "make the table anew from the data"),
    "derivable": ("a withheld figure that can be worked out", "withhold further figures in its line"),
    "complement": ("a count and its part a few people apart", "withhold the part there"),
    "class": (
        "everybody of a group has the property",
        "merge groups, or let a reviewer say that it tells nothing about anyone",
    ),
    "percentage": (
        "a percentage that tells more than the counts shown",
        "compute it from the rounded counts, and withhold it where they are withheld",
    ),
    "statistic": (
        "a statistic of few people, or one that no rule covers",
        "withhold it, or let a reviewer judge it",
    ),
    "degrees of freedom": ("too few degrees of freedom", "use larger groups, or a simpler model"),
    "survival": (
        "a curve of survival whose steps are of few people, or that tells more than its counts",
        "write it with lockgate.outputs.survival, and merge its intervals",
    ),
    "saturated model": (
        "a model with a parameter for each group: it gives back their means",
        "leave interactions out, or merge categories",
    ),
    "influence": ("a record that decides its own fitted value", "leave it out, or band the value"),
    "position": ("places of single points, or too many of them", "name areas, and count in them"),
    "quantile": ("too few people on one side of a quantile", "use larger groups"),
    "dominance": (
        "one, two or a few people make up a figure, or there is no evidence that they don't",
        "withhold it; lockgate.outputs.summary keeps the evidence",
    ),
    "rate": (
        "a rate that tells of few events, without their count",
        "give the events as a count, or write a percentage of two counts",
    ),
    "order": (
        "rows in the order of their counts, some of which are withheld",
        "sort the rows by their labels",
    ),
    "evidence": (
        "counts that the platform could not confirm, or that are not so",
        "write tables with lockgate.outputs.counts or summary, which Lockgate computes again",
    ),
    "difference": (
        "a figure that, with one released or shown before, tells of a small group",
        "withhold it, or show the same data as then",
    ),
    "row-level data": ("rows that look like records of persons", "group the records and count them"),
    "undeclared total": ("a row that is a total and is not declared as one", "name it in total_rows"),
    "formula": ("a label that a spreadsheet would take for a formula", "start it with a letter or digit"),
    "free text": ("long text in labels, titles or notes", "name things shortly"),
    "date": ("a date to the day", "use weeks, months or years"),
    "dimensions": ("a table of many dimensions", "write several tables of fewer dimensions"),
    "text": ("a text that no rule can judge", "put figures into a table, keep texts short and plain"),
    "chart": ("a chart whose table does not pass, or lacks what it draws", "see to the table"),
    "notebook": ("a notebook", "write its results with lockgate.outputs, and keep the notebook inside"),
    "spreadsheet": (
        "a spreadsheet, which can hide anything",
        "write each sheet as a table with lockgate.outputs",
    ),
    "document": ("a document", "write words with lockgate.outputs.text and figures with table"),
    "image": (
        "a picture",
        "describe the chart with lockgate.outputs.chart: it is drawn from the checked table",
    ),
    "model": (
        "a model with a term of few people or without its evidence, or a saved object, which can hold its data",
        "fit it with lockgate.outputs.model, which keeps the evidence; merge categories",
    ),
    "archive": ("an archive", "write the files themselves"),
    "database": ("a file of records", "count and summarise inside, and write tables"),
    "program": ("a program or script", "code doesn't leave by the airlock for results"),
    "pseudonym": ("the project's pseudonyms", "leave them out"),
    "identifier": ("what looks like an identifier of a person", "leave it out"),
    "not described": ("a file that outputs.json doesn't describe", "write outputs with lockgate.outputs"),
    "missing": ("a file that is described and not there", "write it again"),
    "changed": ("a file changed after it was described", "write it once, by the library"),
    "format": ("a file that can't be read as it is described", "write it with lockgate.outputs"),
    "file name": ("a name that no output may have", "write outputs with lockgate.outputs"),
    "file type": ("something that is no plain file", "write files only"),
    "size": ("more than an output may hold", "write less; show fewer groups"),
    "encoding": ("bytes or characters that are no plain text", "write it with lockgate.outputs"),
}
OTHER = ("something that a rule holds back", "ask the output checkers")


def meaning(rule: str) -> tuple[str, str]:
    """What was found by a rule, and what mends it, in fixed words."""
    return MEANINGS.get(rule, OTHER)
