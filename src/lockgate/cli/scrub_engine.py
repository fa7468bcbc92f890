"""``lockgate scrub-engine``."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import console, emit, errors
from lockgate.deidentify import compiled
from lockgate.errors import UsageError

app = typer.Typer()


@app.callback()
def about() -> None:
    """The scrubber's rules: compile them to C, compare installations, learn the weights of what no rule finds."""


@app.command("compile")
def compile_() -> None:
    """Compile the rules for this machine's Python. Needs a C compiler and the extra 'compiled'; some minutes.

    The answers are the same. After a change of any source the sources are used again, until this is run again.
    """
    errors.print("Compiling the scrubber's rules; this takes some minutes.")
    lockgate = [sys.executable, "-c", "from lockgate.cli import main; main()"]
    count = compiled.compile_engine([*lockgate, "scrub-engine", "digest", "--json"])
    emit({"modules": count}, lambda: console.print(f"{count} modules compiled; they are used from now on."))


@app.command()
def digest(
    letters: Annotated[
        list[str] | None,
        typer.Option(help="A set of synthetic letters; may be given again. The last three without."),
    ] = None,
) -> None:
    """Print a digest of what the rules find in synthetic letters: to compare two installations."""
    from lockgate.bench.textsets import hospital
    from lockgate.deidentify.text import find
    from lockgate.synthetic.letters import SETS

    names = letters or list(SETS)[-3:]
    if unknown := [name for name in names if name not in SETS]:
        raise UsageError(f"there is no set of letters {unknown[0]!r}", remedy=f"choose of {', '.join(SETS)}")
    found, count = hashlib.sha256(), 0
    with tempfile.TemporaryDirectory(prefix="lockgate-digest-") as folder:
        for name in names:
            for note in hospital(Path(folder) / name, 50, letters=name):
                count += 1
                for known, site in ((note.known, note.site), (None, None)):
                    found.update(repr(find(note.text, known, site)).encode())
    told = {"letters": count, "sha256": found.hexdigest()}
    emit(told, lambda: console.print(f"{told['sha256']} of what the rules find in {count} letters"))


@app.command()
def learn(
    out: Annotated[Path, typer.Option(help="The file of weights; the engine reads gazetteer/evidence.json.")],
    without: Annotated[
        list[str] | None, typer.Option(help="A set of letters to leave out; may be given again.")
    ] = None,
    patients: Annotated[int, typer.Option(min=50, help="Patients of whom each set is written.")] = 50,
    seed: Annotated[int, typer.Option(help="The same seed gives the same weights.")] = 7,
) -> None:
    """Learn from the synthetic letters what speaks for a name, for who changes rules. Needs the extra 'feedback'."""
    from lockgate.deidentify.text import evidencetrain
    from lockgate.synthetic.letters import SETS
    from lockgate.synthetic.marked import marked

    left = list(dict.fromkeys(without or ()))
    if unknown := [name for name in left if name not in SETS]:
        raise UsageError(f"there is no set of letters {unknown[0]!r}", remedy=f"choose of {', '.join(SETS)}")
    if not out.parent.is_dir():
        raise UsageError("there is no such folder", where=str(out.parent), remedy="make it first")
    sets = [name for name in SETS if name not in left]
    weights = evidencetrain.train({name: marked(name, patients, seed) for name in sets}, seed=seed)
    text = json.dumps(weights, indent=0, ensure_ascii=False, sort_keys=True) + "\n"
    out.write_text(text, encoding="utf-8")
    emit(
        {"out": out, "weights": len(weights), "sets": sets, "left_out": left},
        lambda: console.print(f"{len(weights):,} weights from {len(sets)} sets of letters written to {out}."),
    )


@app.command()
def show() -> None:
    """Say whether this installation reads notes with compiled rules."""
    import lockgate.deidentify.text  # noqa: F401 - what it found to import is what is used

    used = compiled.is_used()

    def human() -> None:
        console.print(
            "The rules are compiled."
            if used
            else "The rules are not compiled (or from other sources, or for another machine); they run as Python."
        )

    emit({"compiled": used}, human)


@app.command()
def remove() -> None:
    """Take the compiled rules away; the sources are used again."""
    there = compiled.remove()
    emit({"removed": there}, lambda: console.print("Removed." if there else "There were none."))


__all__ = ["app"]
