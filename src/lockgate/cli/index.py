"""``lockgate index``."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.capture.access import require_owner
from lockgate.cli import index_review
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity import build_index, index_path, training
from lockgate.site import Site
from lockgate.site.files import spill_dir

app = typer.Typer()
app.add_typer(index_review.app, name="review")


@app.command()
def build(
    own: Annotated[
        list[str] | None,
        typer.Option("--own-source", help="A source with the trust's own hospital numbers; all if none."),
    ] = None,
) -> None:
    """Link the patient rows of every source and write the index. People keep their keys from the last run."""
    site = open_site()
    with _engine(site) as engine:
        result = build_index(engine, site, own_sources=own or None)
    counts = {key: value for key, value in result.as_dict().items() if key not in ("by_source", "path")}
    site.audit.append("index.built", actor=actor(), **counts)
    emit(result.as_dict(), lambda: _print(result.as_dict()))


def _engine(site: Site) -> Engine:
    settings = site.config.engine
    return Engine(
        memory_limit=settings.memory_limit or None,
        threads=settings.threads or None,
        temp_dir=spill_dir(site.staged),
    )


@app.command()
def train(
    own: Annotated[
        list[str] | None,
        typer.Option("--own-source", help="A source with the trust's own hospital numbers; all if none."),
    ] = None,
) -> None:
    """Estimate the model that links what the exact steps leave, from this site's records; builds then use it.

    Refused where too few records are linked exactly to learn from. Each model is kept, by number.
    """
    site = open_site()
    with _engine(site) as engine:
        made = training.train(engine, site, own_sources=own or None)
    site.audit.append(
        "index.trained", actor=actor(), model=made["model"], sha256=made["sha256"], records=made["records"]
    )
    emit(
        made,
        lambda: console.print(
            f"Model {made['model']} of {made['sampled_records']:,} records, {made['linked_exactly']:,} of them linked "
            f"exactly, and {made['candidate_pairs']:,} pairs. Fields: {', '.join(made['fields'])}.\n"
            "The next `lockgate index build` or release uses it.",
            markup=False,
        ),
    )


@app.command()
def models() -> None:
    """List the site's models. Builds use the last one."""
    site = open_site()
    listed = [training.as_listed(kept) for kept in training.models(site)]

    def human() -> None:
        table = Table("model", "made", "records", "sha256", box=None, pad_edge=False)
        for one in listed:
            table.add_row(str(one["model"]), str(one["made_at"]), f"{one['records']:,}", one["sha256"][:16])
        console.print(table)

    emit({"models": listed}, human)


@app.command()
def show() -> None:
    """Show what the last build linked: rates by source and step."""
    site = open_site()
    state = index_path(site).with_name("index.json")
    if not state.exists():
        raise UsageError(
            "this site has no patient index yet", where=str(site.path), remedy="run `lockgate index build`"
        )
    result: dict[str, Any] = json.loads(state.read_bytes())
    emit(result, lambda: _print(result))


@app.command()
def history(
    record: Annotated[str, typer.Argument(help="The id of a patient record at its source.")],
    source: Annotated[str, typer.Option(help="The source, where several have such a record.")] = "",
    at: Annotated[str, typer.Option(help="A day, YYYY-MM-DD: who was who at its end; now if none.")] = "",
) -> None:
    """Who a record was merged with and parted from, and who it was at a date. Identifiable; noted in the audit."""
    from lockgate.identity import merge_history

    site = open_site()
    require_owner(site)
    try:
        day = date.fromisoformat(at) if at else None
    except ValueError as error:
        raise UsageError("is no date", where="--at", remedy="write YYYY-MM-DD") from error
    found = merge_history(site, record, source=source, at=day)
    site.audit.append(
        "index.history.shown", actor=actor(), source=found["source"], events=len(found["events"])
    )

    def human() -> None:
        table = Table("when", "what", "goes on", "ends", box=None, pad_edge=False)
        for event in found["events"]:
            table.add_row(event["event_at"], event["kind"], event["survivor"], event["retired"])
        console.print(table)
        console.print(
            f"One person: {', '.join(found['same_person'])}; goes on as {found['goes_on_as']}.", markup=False
        )

    emit(found, human)


def _print(result: dict[str, Any]) -> None:
    table = Table("source", "records", "linked", "rate", "by step", box=None, pad_edge=False)
    for source, counts in sorted(result["by_source"].items()):
        steps = ", ".join(f"{step} {count:,}" for step, count in counts["by_step"].items())
        table.add_row(
            source, f"{counts['records']:,}", f"{counts['linked']:,}", f"{counts['rate']:.1%}", steps
        )
    console.print(table)
    conflicts = ", ".join(f"{kind} {count:,}" for kind, count in result["conflicts"].items()) or "none"
    console.print(
        f"{result['records']:,} records of {result['persons']:,} people ({result['new_persons']:,} new, "
        f"{result['retired_keys']:,} keys retired). Links refused: {conflicts}."
    )
    model = result.get("probabilistic", {})
    if model.get("not_run"):
        console.print(
            f"Model not used: {model['not_run']} ({model['left_to_link']:,} left to link).", markup=False
        )
    elif model:
        console.print(
            f"Model {model['model']}: {model['left_to_link']:,} left to link, {model['pairs_scored']:,} pairs scored, "
            f"{model['linked']:,} linked."
        )
    if result.get("to_review"):
        console.print(f"{result['to_review']:,} pairs to look at: lockgate index review list", markup=False)
