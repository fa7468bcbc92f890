"""``lockgate remote`` for what takes files or several operations: bring in, take a twin, conditions, amendments."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from lockgate.cli.common import console, emit
from lockgate.cli.remote_client import ask, fetch, hand_in, kept
from lockgate.errors import Refused, UsageError
from lockgate.site.files import write_atomic

app = typer.Typer()
Reference = Annotated[str, typer.Argument(help="The application, such as LG-2026-0001.")]
Number = Annotated[int, typer.Argument(help="The condition, as `lockgate remote conditions` numbers it.")]


def _of(kind: str, name: str) -> str:
    return f"/api/{kind}/{quote(name, safe='')}"


@app.command("bring-in")
def bring_in(
    project: Annotated[str, typer.Argument(help="The project, such as lg-2026-0001.")],
    files: Annotated[list[Path], typer.Argument(help="Up to 20 files, or one zip archive.")],
    title: Annotated[str, typer.Option(help="What it is.")],
    purpose: Annotated[str, typer.Option(help="Where it comes from, its licence and what it is for.")],
) -> None:
    """Ask for code or reference data to be brought into a project; exit 1 where the checks hold it back."""
    url, token = kept()
    made = hand_in(
        url, token, f"{_of('projects', project)}/imports", {"title": title, "purpose": purpose}, files
    )

    def human() -> None:
        console.print(f"{made['reference']}: {made['state'].replace('_', ' ')}", markup=False)
        for one in made["verdicts"]:
            said = "; ".join(str(reason) for reason in one.get("reasons", []))
            console.print(f"  {one['file']}: {one['decision']} {said}".rstrip(), markup=False)

    emit(made, human)
    raise typer.Exit(int(made["state"] == "failing"))


@app.command()
def twin(
    project: Annotated[str, typer.Argument(help="The project; `release` for that of the newest release.")],
    out: Annotated[Path, typer.Option(help="The zip file to write.")],
) -> None:
    """Take a synthetic twin, made first where there is none: data of nobody, to write code on."""
    url, token = kept()
    place, pause = f"{_of('projects', project)}/twin", 2.0
    found = ask(url, token, "POST", place)
    while found["state"] == "asked":
        time.sleep(pause)
        pause = min(15.0, pause * 1.5)
        found = ask(url, token, "GET", place)
    if found["state"] != "ready":
        raise Refused("there is no twin", where=project, reasons=[found["problem"] or found["state"]])
    write_atomic(out, fetch(url, token, f"{place}/file"))
    emit({**found, "file": str(out)}, f"{out}: {found['bytes']:,} bytes, of nobody.")


@app.command()
def conditions(reference: Reference) -> None:
    """List the conditions of an approval, and which are met."""
    rows = ask(*kept(), "GET", f"{_of('applications', reference)}/conditions")

    def human() -> None:
        for row in rows:
            state = (
                "met"
                if row["met_at"]
                else f"by {row['by_day']}"
                if row["by_day"]
                else "before it takes effect"
            )
            console.print(f"{row['id']:>5}  {state:<22} {row['text']}", markup=False)
            if row["evidence"]:
                console.print(f"{'':5}  {'':<22} said: {row['evidence']}", markup=False)
        if not rows:
            console.print("It has no conditions.")

    emit({"conditions": rows}, human)


@app.command()
def evidence(
    reference: Reference, number: Number, text: Annotated[str, typer.Argument(help="How it is met.")]
) -> None:
    """Say how a condition of one's application is met."""
    place = f"{_of('applications', reference)}/conditions/{number}/evidence"
    emit(
        ask(*kept(), "POST", place, {"text": text}),
        "It is kept, and the role that set the condition is told.",
    )


@app.command()
def meet(reference: Reference, number: Number) -> None:
    """Say that a condition which one's role set is met."""
    told = ask(*kept(), "POST", f"{_of('applications', reference)}/conditions/{number}/met")
    emit(told, f"{told['reference']}: {told['state']}")


@app.command()
def amend(
    reference: Reference,
    reason: Annotated[str, typer.Option(help="Why.")],
    answers: Annotated[Path | None, typer.Option(help="A JSON file of the answers that change.")] = None,
    renewal: Annotated[bool, typer.Option(help="More time alone: the answers hold end_date.")] = False,
    submit: Annotated[
        bool, typer.Option(help="Hand it in too; this declares that the answers are right.")
    ] = False,
) -> None:
    """Begin a change or renewal of an approved use, answer it, hand it in; exit 1 while something is in the way."""
    url, token = kept()
    changed = _answers(answers)
    place = _of("applications", reference)
    what = "renewal" if renewal else "amendment"
    ask(url, token, "POST", f"{place}/amendment", {"what": what, "reason": reason})
    wrong: dict[str, str] = {}
    if changed:
        wrong = ask(url, token, "PATCH", f"{place}/answers?amendment=true", {"answers": changed})["problems"]
    found = ask(url, token, "GET", f"{place}/amendment")
    problems = {**found["problems"], **wrong}
    if submit and not problems:
        ask(url, token, "POST", f"{place}/submit?amendment=true", {"declare": True})
    said = [f"{key}: {text}" for key, text in problems.items()]
    told = {"reference": reference, "what": what, "submitted": submit and not problems, "problems": problems}
    emit(
        told,
        "\n".join(
            [f"The {what} of {reference} is {'handed in' if told['submitted'] else 'a draft'}.", *said]
        ),
    )
    raise typer.Exit(int(bool(problems)))


def _answers(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError("it is no file with a JSON object", where=str(file)) from error
    if not isinstance(told, dict):
        raise UsageError("it is no file with a JSON object", where=str(file))
    return dict(told.get("answers", told))
