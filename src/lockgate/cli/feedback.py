"""``lockgate feedback``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from lockgate.catalogue.feedback import themes_of
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.curate import open_release
from lockgate.curate.feedback import NOT_CLASSIFIED, load
from lockgate.curate.feedback.inrelease import model_path
from lockgate.curate.feedback.labelled import read_labelled
from lockgate.disclosure import Rules
from lockgate.disclosure.tables import write_csv
from lockgate.engine import Engine
from lockgate.site.files import make_dir

app = typer.Typer()

LABELLED = typer.Argument(
    help="CSV of comments: a column of text, and one per theme, 1 where the comment has it."
)


@app.command()
def themes(
    number: Annotated[
        str, typer.Argument(help="The release's number, such as 2026.1; default: the latest.")
    ] = "latest",
    out: Annotated[Path | None, typer.Option(help="A folder for the tables (CSV) and charts (SVG).")] = None,
) -> None:
    """What the comments of a release are about, by month and ward, through disclosure control."""
    site = open_site()
    release = open_release(site, number)
    policy = site.config.disclosure
    with Engine() as engine:
        found = themes_of(engine, release, Rules(threshold=policy.threshold, rounding=policy.rounding))
    if found is None:
        emit(
            {"release": release.number, "comments": 0, "tables": {}},
            f"Release {release.number} has no comments.",
        )
        return
    tables = {table.entry.name: write_csv(table) for table in found.tables}
    if out is not None:
        make_dir(out)
        for name, svg in found.charts().items():
            (out / f"{name}.csv").write_text(tables[name], encoding="utf-8")
            (out / f"{name}.svg").write_text(svg, encoding="utf-8")
    head = f"Release {release.number}: {found.comments} comments, {found.classified} with a theme (rounded)."
    emit(
        {
            "release": release.number,
            "comments": found.comments,
            "classified": found.classified,
            "not_classified_as": NOT_CLASSIFIED,
            "tables": tables,
        },
        "\n".join([head, escape(tables["feedback_themes"]), *([f"Written to {out}"] if out else [])]),
    )


@app.command()
def train(
    labelled: Annotated[Path, LABELLED],
    out: Annotated[Path, typer.Option(help="Where the model goes.")],
    text: Annotated[str, typer.Option(help="The column of text, where it has none of the usual names.")] = "",
    tone: Annotated[str, typer.Option(help="The column of tone: 1 very positive to 5 very negative.")] = "",
    source: Annotated[str, typer.Option(help="Whose comments they are and under which licence.")] = "",
    without: Annotated[
        str, typer.Option(help="Words that the model must not hold, parted by commas: local names.")
    ] = "",
    min_marks: Annotated[int, typer.Option(min=10, help="Comments that a theme needs.")] = 40,
) -> None:
    """Train a model of themes on labelled comments. Needs the extra 'feedback' (scikit-learn)."""
    from lockgate.curate.feedback.train import train as fit

    about: dict[str, Any] = {"source": source} if source else {}
    data, out_words = read_labelled(labelled, text=text, tone=tone), frozenset(without.casefold().split(","))
    model = fit(data, about, min_marks=min_marks, without=out_words)
    model.save(out)
    emit(
        {"model": out, "themes": list(model.themes), "tones": list(model.tones), **model.about},
        f"{len(model.themes)} themes learnt from {model.about['comments']:,} comments, "
        f"{model.about['features']:,} words and pairs of words: {out}",
    )


@app.command()
def judge(
    labelled: Annotated[Path, LABELLED],
    text: Annotated[str, typer.Option(help="The column of text, where it has none of the usual names.")] = "",
    tone: Annotated[str, typer.Option(help="The column of tone: 1 very positive to 5 very negative.")] = "",
    group: Annotated[str, typer.Option(help="The column that says whose comments they are.")] = "Trust",
    min_marks: Annotated[int, typer.Option(min=10, help="Comments that a theme needs.")] = 40,
) -> None:
    """How well themes would be told: train on some labelled comments, judge on others, beside simpler ways."""
    from lockgate.curate.feedback.judge import judge as measure
    from lockgate.curate.feedback.judge import splits

    data = read_labelled(labelled, text=text, tone=tone, group=group)
    found = [
        measure(data, name, learn, judged, min_marks=min_marks)
        for name, (learn, judged) in splits(data).items()
    ]

    def human() -> None:
        for one in found:
            console.print(
                f"{one.name}: {one.learnt:,} learnt from, {one.judged:,} judged, {one.themes} themes"
            )
            for name, (value, low, high) in one.figures.items():
                console.print(f"  {name:<28} {value:.3f}  ({low:.3f} to {high:.3f})")
            for theme, told in sorted(one.per_theme.items(), key=lambda item: -item[1]["f1"]):
                console.print(f"    {told['f1']:.3f}  {theme} ({told['comments']:,})")

    emit({"splits": [one.as_dict() for one in found]}, human)


@app.command()
def use(model: Annotated[Path, typer.Argument(help="A model made by `lockgate feedback train`.")]) -> None:
    """Use a model of one's own for the releases of this site that are built from now on."""
    site = open_site()
    told = load(model)
    place = model_path(site)
    make_dir(place.parent)
    shutil.copyfile(model, place)
    site.audit.append("feedback.model_chosen", actor=actor(), themes=len(told.themes))
    emit({"model": place, "themes": list(told.themes)}, f"Releases now use it: {len(told.themes)} themes.")


__all__ = ["app"]
