"""``lockgate cohort explain``: a definition in English, as a flow chart, or as SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lockgate.cli.cohort_tables import RulesFile, check_out, chosen_rules, known_names, opened, read_one
from lockgate.cli.common import console, emit
from lockgate.cohorts.attrition import attrition
from lockgate.cohorts.explain import as_text, english
from lockgate.cohorts.explain.flow import flow, flow_svg, flow_text
from lockgate.cohorts.explain.names import concept_names
from lockgate.cohorts.explain.sql import sql_script
from lockgate.cohorts.people import people_table
from lockgate.cohorts.shown import safe_attrition


def explain(
    definition: Annotated[Path, typer.Argument(help="The file of one definition, or library:NAME.")],
    form: Annotated[
        Literal["english", "chart", "sql"], typer.Option("--as", help="What to write.")
    ] = "english",
    omop: Annotated[
        Path | None,
        typer.Option(
            help="A folder of OMOP tables: the names of concepts in English, counts in the chart, its files in SQL."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file to write it to; the chart as SVG.")] = None,
    rules: RulesFile = None,
) -> None:
    """Explain a definition: every part of it in plain English, a flow chart (SVG, and in words), or the SQL that runs.

    With --omop the chart tells how many people remain and are lost at each step, through disclosure control.
    """
    check_out(out)
    name, told = read_one(definition)
    result: dict[str, Any] = {"definition": name, "as": form}
    if form == "sql":
        written = text = result["sql"] = sql_script(told, omop)
    else:
        names = known_names(definition, told)
        rows = []
        if omop is not None:
            with opened(omop) as (engine, _):
                names |= concept_names(engine, omop, told)
                if form == "chart":
                    people, _ = people_table(engine, omop)
                    rows = safe_attrition(attrition(engine, told, people), chosen_rules(rules))
        if form == "chart":
            boxes = flow(told, names, rows)
            text, written = flow_text(boxes), flow_svg(boxes, name)
            result |= {"text": text, "svg": written}
        else:
            sections = english(told, names)
            written = text = as_text(sections, name)
            result |= {"text": text, "sections": [section.as_dict() for section in sections]}
    if out is not None:
        out.write_text(written, encoding="utf-8")
        result["out"] = out
    emit(result, lambda: console.print(f"Written: {out}" if out else text, markup=False))
