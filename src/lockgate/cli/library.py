"""``lockgate library``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from lockgate.cli.cohort_tables import check_out
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.cohorts.explain import text_of
from lockgate.cohorts.library import STATUSES, Entry, Library, New, Status
from lockgate.cohorts.library_import import entry_name, read_folder
from lockgate.cohorts.library_search import near_words
from lockgate.cohorts.library_search import search as find
from lockgate.errors import UsageError
from lockgate.terminology.synonyms import meanings

app = typer.Typer(no_args_is_help=True)
Owner = Annotated[str, typer.Option(help="Who answers for it: a person or a team.")]
StatusOption = Annotated[Status, typer.Option(help=f"One of {', '.join(STATUSES)}.")]
Reference = Annotated[str, typer.Argument(help="NAME for the latest version, or NAME@VERSION.")]


@app.callback()
def _group() -> None:
    """Cohort definitions and code lists of a site: named, in versions that never change."""


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A definition (Circe JSON, YAML) or a code list (CSV).")],
    owner: Owner,
    name: Annotated[str, typer.Option(help="Its name in the library; the file's otherwise.")] = "",
    title: Annotated[str, typer.Option(help="What to call it for people.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from: an address, a paper, a person.")] = "",
    status: StatusOption = "draft",
) -> None:
    """Add a definition or a code list; under a name that there is, as its next version.

    Of a code list the codes are kept and their descriptions are not. The same content again adds nothing.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise UsageError("it can't be read", where=str(file), remedy="name a file") from error
    provenance = {"file": file.name, "sha256": hashlib.sha256(raw).hexdigest()}
    if source:
        provenance["source"] = source
    new = New(name or entry_name(file.stem), file.name, raw, title, provenance)
    entry, fresh = Library(open_site()).add(new, owner=owner, actor=actor(), status=status)
    said = "Added" if fresh else "There already"
    emit({"added": fresh, **entry.summary()}, f"{said}: {entry.name}@{entry.version} ({escape(entry.title)})")


@app.command("import")
def import_folder(
    folder: Annotated[
        Path, typer.Argument(help="A folder of definitions or code lists, and those below it.")
    ],
    owner: Owner,
    prefix: Annotated[str, typer.Option(help="Put before every name, as in ohdsi-71.")] = "",
    status: StatusOption = "draft",
) -> None:
    """Add every definition and code list of a folder, such as OHDSI's Phenotype Library or the HDR UK code lists.

    A file that can't be understood is refused with its place, and the others are added: exit 1.
    """
    many, notes = read_folder(folder, prefix)
    added, there, refused = Library(open_site()).add_many(many, owner=owner, actor=actor(), status=status)

    def human() -> None:
        console.print(f"{len(added):,} added, {len(there):,} there already, {len(refused):,} refused.")
        for error in refused:
            console.print(f"refused: {error}", markup=False)
        for note in notes:
            console.print(note, markup=False)

    emit(
        {
            "added": [f"{entry.name}@{entry.version}" for entry in added],
            "unchanged": len(there),
            "refused": [error.as_dict() for error in refused],
            "notes": notes,
        },
        human,
    )
    if refused:
        raise typer.Exit(1)


@app.command("list")
def list_entries(
    every: Annotated[bool, typer.Option("--all", help="Every version, not the latest only.")] = False,
    status: Annotated[Status | None, typer.Option(help="Only those of this status.")] = None,
) -> None:
    """List what is in the library."""
    entries = [e for e in Library(open_site()).entries(every=every) if status in (None, e.status)]
    emit({"entries": [entry.summary() for entry in entries]}, lambda: console.print(_table(entries)))


@app.command()
def show(reference: Reference) -> None:
    """Show one version: who owns it, where it comes from, and what it says (a definition in English)."""
    entry = Library(open_site()).resolve(reference)
    if entry.kind == "definition":
        text = text_of(entry.definition)
    else:
        text = "\n".join(
            f"- {c.vocabulary} {c.code}{f' ({c.category})' if c.category else ''}" for c in entry.codes
        )

    def human() -> None:
        for key, value in entry.summary().items():
            console.print(f"{key}: {value}", markup=False)
        for key, value in entry.provenance.items():
            console.print(f"from {key}: {value}", markup=False)
        console.print(f"\n{text}", markup=False)

    codes = [{"vocabulary": c.vocabulary, "code": c.code, "category": c.category} for c in entry.codes]
    emit({**entry.summary(), "provenance": entry.provenance, "codes": codes, "text": text}, human)


@app.command()
def search(
    words: Annotated[
        str, typer.Argument(help="Words of its name, its title, its concept sets and rules.")
    ] = "",
    code: Annotated[str, typer.Option(help="A code that it lists, such as I21.0 or SNOMED:22298006.")] = "",
    concept: Annotated[int | None, typer.Option(help="An OMOP concept id that it names.")] = None,
) -> None:
    """Find definitions and code lists by words, by code, by concept.

    Words that the site's vocabulary has as a name or synonym of a concept find its other names, concepts and codes too.
    """
    if not words.strip() and not code.strip() and concept is None:
        raise UsageError("nothing is asked for", remedy="give words, --code or --concept")
    site = open_site()
    entries = list(Library(site).entries())
    hits = find(entries, words, code.strip(), concept, meanings(site, words))
    meant = "" if hits else near_words(entries, words)

    def human() -> None:
        for hit in hits:
            entry = hit.entry
            said = f"{entry.name}@{entry.version} [{entry.status}] {entry.title} ({hit.because})"
            console.print(said, markup=False)
        if not hits:
            console.print(f"Nothing found.{f' Did you mean: {meant}?' if meant else ''}", markup=False)

    found = [{**hit.entry.summary(), "because": hit.because} for hit in hits]
    emit({"found": found, "did_you_mean": meant}, human)


@app.command("status")
def set_status(
    reference: Reference, status: Annotated[Status, typer.Argument(help=f"One of {', '.join(STATUSES)}.")]
) -> None:
    """Give a version another status; the version itself never changes."""
    entry = Library(open_site()).set_status(reference, status, actor=actor())
    emit(entry.summary(), f"{entry.name}@{entry.version} is {entry.status}.")


@app.command()
def export(reference: Reference, out: Annotated[Path, typer.Option(help="The file to write.")]) -> None:
    """Write a version to a file: a definition as it was added, a code list as CSV (vocabulary, code, category)."""
    check_out(out)
    entry = Library(open_site()).resolve(reference)
    if entry.kind == "definition":
        text = entry.text
    else:
        lines = [f'{c.vocabulary},{c.code},"{c.category.replace(chr(34), chr(34) * 2)}"' for c in entry.codes]
        text = "\n".join(["vocabulary,code,category", *lines, ""])
    out.write_text(text, encoding="utf-8")
    emit({**entry.summary(), "out": out}, f"Written: {out}")


def _table(entries: list[Entry]) -> Table:
    table = Table("name", "version", "kind", "status", "owner", "title", box=None, pad_edge=False)
    for e in entries:
        table.add_row(e.name, str(e.version), e.kind, e.status, escape(e.owner), escape(e.title))
    return table
