"""``lockgate release notes-review``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.curate.notesreview import clear as let_in
from lockgate.curate.notesreview import draw, held_notes, open_review, sample_size
from lockgate.curate.notesreview import publish as tell
from lockgate.curate.notesreview.result import summary
from lockgate.errors import UsageError

app = typer.Typer(no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="The release's number, such as 2026.1; default: the latest.")]


@app.command()
def plan(
    number: Number = "latest",
    share: Annotated[
        float, typer.Option(help="The leak rate of all notes to bound: 0.01 is one in a hundred.")
    ] = 0.01,
    share_by_type: Annotated[
        float, typer.Option(help="The leak rate of each type of document to bound.")
    ] = 0.1,
) -> None:
    """Draw a release's sample of notes, once; they are read in the portal."""
    made = draw(open_site(), number, share=share, share_by_type=share_by_type, by=actor())
    emit(
        summary(open_site(), made),
        f"{len(made.sample):,} of {made.notes:,} notes are drawn: {sample_size(share):,} of all bound {share:.2%}"
        f" when none has a miss, {sample_size(share_by_type):,} of each type bound {share_by_type:.2%}.\n"
        "Read them in the portal: Notes.",
    )


@app.command()
def show(number: Number = "latest") -> None:
    """What the reading of a release's notes shows: at most so many leak, by type of document and in all."""
    site = open_site()
    review = open_review(site, number)
    if review is None:
        raise UsageError("no sample was drawn", remedy="lockgate release notes-review plan")
    told = summary(site, review)

    def human() -> None:
        table = Table("notes", "drawn", "read", "with a miss", "at most", "identifiers at most", box=None)
        for one in told["bounds"]:
            table.add_row(
                one["type"], f"{one['drawn']:,}", f"{one['read']:,}", f"{one['with_miss']:,}",
                _share(one["notes_bound"], one["read"]), _share(one["identifiers_bound"], one["identifiers_seen"]),
            )  # fmt: skip
        console.print(table)
        console.print("At most: upper bounds of 95 % (one-sided, Clopper and Pearson).")
        if any(not one["whole"] for one in told["bounds"]):
            console.print("The sample is not read to its end: these bounds hold for no release yet.")
        if told["agreement"]:
            agreed = told["agreement"]
            console.print(
                f"Two readers: {agreed['notes']:,} notes, alike in {agreed['alike']:.1%}, kappa {agreed['kappa']}."
            )

    emit(told, human)


def _share(bound: float | None, seen: int) -> str:
    return "" if bound is None or not seen else f"{bound:.2%}"


@app.command()
def publish(number: Number = "latest") -> None:
    """Sign the bounds of a sample that was read to its end, and show them with the release's public pages."""
    record = tell(open_site(), number, actor=actor())
    bounds: list[dict[str, Any]] = record["bounds"]
    emit(record, f"Published for release {record['release']}: {len(bounds)} bounds.")


@app.command()
def held() -> None:
    """The notes that readers found something in: withheld from every build until they are let in again."""
    found = held_notes(open_site())
    lines = [
        f"{one['note_id']}  {one['at'][:10]}  release {one['release']}  {', '.join(one['kinds'])}"
        for one in found
    ]
    emit({"withheld": found}, "\n".join(lines) or "No note is withheld.")


@app.command()
def clear(
    note: Annotated[int, typer.Argument(help="The note's id, as `held` lists it.")],
    reason: Annotated[str, typer.Option(help="Why it may be released again.")],
) -> None:
    """Let a withheld note into releases again, from the next build on."""
    let_in(open_site(), note, reason=reason, actor=actor())
    emit({"note_id": note}, "It may be released again from the next build on.")


__all__ = ["app"]
