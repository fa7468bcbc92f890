"""``lockgate index``."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lockgate.capture.access import require_owner
from lockgate.cli import index_review
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.cli.optout import applied, print_applied
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity import build_index, index_path, training
from lockgate.site import Site
from lockgate.site.files import spill_dir, write_atomic

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
    done = applied(site)  # an objection may reach other records now
    told = result.as_dict() | ({"workspaces": done} if done else {})

    def human() -> None:
        _print(told)
        print_applied(done)

    emit(told, human)


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
def explain(
    left: Annotated[str, typer.Argument(help="A patient record as SOURCE:RECORD.")],
    right: Annotated[str, typer.Argument(help="Another one.")],
    svg: Annotated[Path | None, typer.Option(help="Draw the waterfall into this SVG file, too.")] = None,
) -> None:
    """Why the model would take any two records for one person, or not: the weight of each comparison. Audited."""
    from lockgate.disclosure.waterfall import render_waterfall
    from lockgate.identity.explain import explain as explained

    site = open_site()
    require_owner(site)
    refs = []
    for text in (left, right):
        source, sign, record = text.partition(":")
        if not (source and sign and record):
            raise UsageError("is no SOURCE:RECORD", remedy="write epr:ID, say")
        refs.append((source, record))
    with _engine(site) as engine:
        found = explained(engine, site, refs[0], refs[1])
    site.audit.append("index.explained", actor=actor(), pair=found["pair"])
    if svg:
        write_atomic(svg, render_waterfall(found["waterfall"]).encode())

    def human() -> None:
        index_review.print_waterfall(found["waterfall"], None)
        console.print(
            f"Probability that these two are one person: {found['probability']:.4f} (model {found['model']})"
        )

    emit({**found, "svg": str(svg) if svg else None}, human)


@app.command()
def report(
    release: Annotated[str, typer.Argument(help="The release's number; default: the latest.")] = "latest",
) -> None:
    """The linkage report of a release: who is linked, how well by group, and the errors to expect.

    Small counts are withheld and the rest is rounded: it may be shown to anybody. Exact counts: `lockgate index show`.
    """
    from lockgate.curate import open_release
    from lockgate.curate.linkage import read_linkage

    found = open_release(open_site(), release)
    content = read_linkage(found.path, found.manifest)
    if content is None:
        raise UsageError(
            f"release {found.number} has no linkage report",
            where=str(found.path),
            remedy="it was built before there were any, or its data were destroyed; build a new one",
        )
    emit({"release": found.number, **content}, lambda: _print_report(found.number, content))


def _print_report(number: str, content: dict[str, Any]) -> None:
    console.print(
        f"Linkage of release {number} (counts rounded to {content['rules']['rounding']}, [c] withheld)",
        markup=False,
    )
    for name, rows in content["tables"].items():
        measure = "records" if name == "source" else "people"
        table = Table(name.replace("_", " "), measure, "linked", "rate", "95 %", "missed by the model's reckoning",
                      box=None, pad_edge=False)  # fmt: skip
        for row in rows:
            shown = ["[c]" if row[key] is None else f"{row[key]:,}" for key in (measure, "linked")]
            between = " to ".join(f"{end:.1%}" for end in row["interval"] or [])
            missed = row.get("missed_rate")
            table.add_row(
                row["label"], *map(escape, shown), "" if row["rate"] is None else f"{row['rate']:.1%}", between,
                "" if missed is None else f"{missed:.1%}",
            )  # fmt: skip
        console.print(table, "")
    steps = Table("step", "source", "records", box=None, pad_edge=False)
    for row in content["steps"]:
        steps.add_row(
            row["step"], row["source"], escape("[c]" if row["records"] is None else f"{row['records']:,}")
        )
    console.print(steps, "")
    errors = content["errors"]
    if errors["told"]:
        low, high = errors["false_link_interval"]
        missed = errors["missed_per_link_of_the_model"]
        console.print(
            f"Of {errors['links_of_the_model']:,} links of the model {errors['false_link_rate']:.2%} are expected to "
            f"be false ({low:.2%} to {high:.2%}); "
            + ("too few left apart to tell." if missed is None else f"{missed:.2f} missed for each."),
            markup=False,
        )
    else:
        console.print(f"Errors: {errors['why']}.", markup=False)


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
