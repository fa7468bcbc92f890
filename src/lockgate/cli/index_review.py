"""``lockgate index review``: the pairs that wait for somebody."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.capture.access import require_owner
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.identity import review

app = typer.Typer(help="Clerical review: pairs of records that the index isn't sure of.")


@app.command(name="list")
def list_pairs(
    decided: Annotated[bool, typer.Option("--decided", help="Those on which a decision holds, too.")] = False,
) -> None:
    """List the pairs that wait, the likeliest first. No value of a record is shown."""
    site = open_site()
    require_owner(site)
    rows = review.listed(site, decided=decided)

    def human() -> None:
        table = Table("pair", "probability", "linked", "sources", "why", "decided", box=None, pad_edge=False)
        for row in rows:
            likely = "" if row["probability"] is None else f"{row['probability']:.3f}"
            linked = {True: "yes", False: "no", None: ""}[row["linked"]]
            table.add_row(row["pair"], likely, linked, " ".join(row["sources"]), row["why"], row["verdict"])
        console.print(table)
        console.print(f"{len(rows):,} pairs. Next: lockgate index review show PAIR", markup=False)

    emit({"pairs": rows}, human)


@app.command()
def show(pair: Annotated[str, typer.Argument(help="A pair, by its name in the list.")]) -> None:
    """Show both records of a pair and why they matched. Identifiable; noted in the audit chain."""
    site = open_site()
    require_owner(site)
    found = review.show(site, pair)
    site.audit.append("index.review.shown", actor=actor(), pair=pair)

    def human() -> None:
        one, other = (f"{record['source']} {record['record_id']}" for record in found["records"])
        table = Table("", one, other, box=None, pad_edge=False)
        for row in found["fields"]:
            table.add_row(row["field"], row["left"], row["right"], style="" if row["same"] else "bold")
        console.print(table)
        console.print(f"\n{found['why']}.", markup=False)
        print_waterfall(found["waterfall"], found["probability"])
        for one_decision in found["decisions"]:
            console.print(
                f"{one_decision['at'][:10]} {one_decision['by']}: {one_decision['verdict']} "
                f"({one_decision['reason']})", markup=False,
            )  # fmt: skip

    emit(found, human)


@app.command()
def decide(
    pair: Annotated[str, typer.Argument(help="A pair, by its name in the list.")],
    verdict: Annotated[str, typer.Argument(help="same, different, unsure; withdrawn takes a decision back.")],
    reason: Annotated[str, typer.Option(help="What you saw. Kept with the decision.")],
) -> None:
    """Decide whether a pair is one person. Kept, obeyed by every build from the next one on, and reversible."""
    site = open_site()
    require_owner(site)
    made = review.judge(site, pair, verdict, reason=reason, by=actor())
    site.audit.append("index.decided", actor=actor(), pair=pair, verdict=verdict, decision=made.number)
    emit(
        {
            "pair": pair,
            "verdict": verdict,
            "decision": made.number,
            "holds_from": "the next build of the index",
        },
        lambda: console.print(
            f"Decision {made.number}: {verdict}. It holds from the next `lockgate index build` or release on.",
            markup=False,
        ),
    )


def print_waterfall(steps: list[dict[str, Any]], probability: float | None) -> None:
    """The steps of a pair's weight as a table."""
    if not steps:
        console.print("No model has scored this pair.")
        return
    table = Table("comparison", "agreement", "weight", "sum", box=None, pad_edge=False)
    for place in (2, 3):
        table.columns[place].justify = "right"
    for step in steps:
        table.add_row(step["comparison"], step["level"], f"{step['weight']:+.2f}", f"{step['sum']:+.2f}")
    console.print(table)
    if probability is not None:
        console.print(
            f"Probability that they are one person: {probability:.4f} (others it could be taken into account)"
        )
