"""``lockgate scrub-model``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lockgate.cli.common import console, emit, errors
from lockgate.errors import UsageError

app = typer.Typer()


@app.callback()
def about() -> None:
    """Train a reader of identifiers that stands beside the scrubber's rules."""


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="The model's folder, for --ner and deidentify.ner_model.")],
    without: Annotated[
        list[str] | None,
        typer.Option(help="A set of letters to leave out and to judge the model on; may be given again."),
    ] = None,
    patients: Annotated[
        int, typer.Option(min=20, max=1000, help="Patients of whom each set is written.")
    ] = 60,
    passes: Annotated[int, typer.Option(min=1, max=20, help="How often each letter is learnt from.")] = 4,
    seed: Annotated[int, typer.Option(help="The same seed trains the same model on the same machine.")] = 1,
) -> None:
    """Train a spaCy model on the synthetic letters alone, no real text. Needs the extra 'ner'; about five minutes."""
    from lockgate.deidentify.text import nertrain
    from lockgate.synthetic.letters import SETS
    from lockgate.synthetic.marked import marked

    left = list(dict.fromkeys(without or ()))
    if unknown := [name for name in left if name not in SETS]:
        raise UsageError(f"there is no set of letters {unknown[0]!r}", remedy=f"choose of {', '.join(SETS)}")
    if out.exists():
        raise UsageError("is there already", where=str(out), remedy="name a new folder")
    sets = [name for name in SETS if name not in left]
    letters = [letter for name in sets for letter in marked(name, patients, seed)]
    told = {"sets": sets, "left_out": left, "patients": patients}
    errors.print(f"{len(letters):,} letters of {len(sets)} sets")
    pipeline = nertrain.train(letters, told, seed=seed, passes=passes, progress=errors.print)
    pipeline.to_disk(out)
    judged = {name: nertrain.judge(pipeline, marked(name, patients, seed + 1)) for name in left}

    def human() -> None:
        console.print(f"Written to {out}; `lockgate scrub --ner {out}` reads with it.")
        for name, scores in judged.items():
            console.print(f"The {name} set, which it was not trained on, without the patients' records:")
            for what, score in scores.items():
                low, high = score.intervals()["recall"]
                console.print(
                    f"  {what:<16} recall {score.recall:.3f} ({low:.3f} to {high:.3f}), precision {score.precision:.3f}"
                )
        if not judged:
            console.print("No set was left out, so nothing says how well it reads; --without SET does.")

    figures: dict[str, Any] = {
        name: {what: score.as_dict() for what, score in scores.items()} for name, scores in judged.items()
    }
    emit({"out": out, **pipeline.meta["lockgate"], "judged": figures}, human)


__all__ = ["app"]
