"""``lockgate check``: the airlock's automatic checks, on any outputs folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from lockgate.cli.common import console, emit
from lockgate.disclosure import Repaired, Rules, Verdict, check_outputs, repair
from lockgate.disclosure.rules import DEFAULT_RULES

COLOUR = {"pass": "green", "fail": "red", "review": "yellow"}


def command(
    folder: Annotated[Path, typer.Argument(help="A job's outputs folder.")],
    rules: Annotated[Path | None, typer.Option(help="A YAML or JSON file of output rules.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The project's data folder, whose keys are looked for.")
    ] = None,
    earlier: Annotated[
        list[Path] | None, typer.Option(help="An earlier release (may be given again).")
    ] = None,
    repair_to: Annotated[Path | None, typer.Option("--repair", help="Write the repaired copy here.")] = None,
) -> None:
    """Check outputs for disclosure: a verdict per file, exit 1 on findings; --repair OUT writes a safe copy."""
    chosen = Rules.load(rules) if rules else DEFAULT_RULES
    before = list(earlier or [])
    if repair_to is not None:
        fixed = repair(folder, repair_to, chosen, pseudonyms=data, earlier=before)
        verdicts, left_out = fixed.verdicts, fixed.left_out
    else:
        fixed, left_out = None, {}
        verdicts = check_outputs(folder, chosen, pseudonyms=data, earlier=before)
    result = {
        "folder": str(repair_to or folder),
        "passed": not left_out and all(v.decision == "pass" for v in verdicts),
        "verdicts": [v.as_dict() for v in verdicts],
        "rules": chosen.model_dump(),
        **({"repair": {"done": fixed.done, "left_out": fixed.left_out}} if fixed else {}),
    }
    emit(result, lambda: _print(verdicts, fixed))
    if not result["passed"]:
        raise typer.Exit(1)


def _print(verdicts: list[Verdict], fixed: Repaired | None) -> None:
    for verdict in verdicts:
        console.print(f"[{COLOUR[verdict.decision]}]{verdict.decision:<7}[/]{escape(verdict.file)}")
        for finding in verdict.findings:
            console.print(f"  {finding.rule}: {finding.where}: {finding.message}", markup=False)
            if finding.repair:
                how = "--repair does it" if finding.repairable else "by hand"
                console.print(f"    next ({how}): {finding.repair}", markup=False)
        for note in fixed.done.get(verdict.file, []) if fixed else []:
            console.print(f"  done: {note}", markup=False)
    for name, reason in (fixed.left_out if fixed else {}).items():
        console.print(f"[red]left out[/] {escape(name)}: {escape(reason)}")
