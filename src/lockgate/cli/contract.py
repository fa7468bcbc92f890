"""``lockgate contract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import console, emit, site_path

app = typer.Typer()


def _site() -> Any:
    """The site, where there is one: contracts may be written and checked without."""
    from lockgate.site import Site

    return Site.open(site_path()) if (site_path() / "site.toml").is_file() else None


@app.command()
def new(
    sample: Annotated[
        Path, typer.Argument(help="A file of the source: CSV and the like (.gz too), or Parquet.")
    ],
    name: Annotated[str, typer.Option(help="The contract's name; default: the file's.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Its folder; default: the site's contracts/NAME, or NAME.")
    ] = None,
) -> None:
    """Draft a contract from a sample: types, formats and codes as seen; what only a person can tell is left open."""
    from lockgate.capture.tabular.contract import plain_name
    from lockgate.capture.tabular.draft import write_contract

    name = name or plain_name(sample.name.split(".")[0])
    site = _site()
    folder = out or (site.path / "contracts" / name if site else Path(name))
    written = write_contract(sample, folder, name)
    emit(
        {"contract": name, "folder": folder, "written": written},
        "\n".join(f"Wrote {file}" for file in written)
        + f"\nNext: finish what says CHOOSE, then `lockgate contract check {folder} --sample {sample}`",
    )


@app.command()
def check(
    contract: Annotated[
        str, typer.Argument(help="A contract's folder or contract.yaml, or a contract's name.")
    ],
    sample: Annotated[
        Path | None, typer.Option(help="A file to read as a capture would; nothing is kept.")
    ] = None,
) -> None:
    """Say all that is wrong with a contract, each with its place and remedy; exit 1 where something is."""
    from importlib import resources

    from lockgate.capture.tabular.check import check_contract
    from lockgate.capture.tabular.load import contract as find

    path = Path(contract)
    if not path.exists():
        site = _site()
        own = site.path / "contracts" / contract if site else None
        if own is not None and own.is_dir():
            path = own
        else:
            find(contract, site)
            path = Path(str(resources.files("lockgate.capture").joinpath("contracts", contract)))
    report = check_contract(path, sample)

    def human() -> None:
        for problem in report.problems:
            word = "[bold red]Error[/]" if problem.kind == "error" else "Note "
            console.print(f"{word}  ", end="")
            console.print(f"{problem.where}: {problem.what}", markup=False)
            if problem.remedy:
                console.print(f"       Next: {problem.remedy}", markup=False)
        if report.sample:
            found = report.sample
            console.print(
                f"{found['received']:,} rows: {found['sound']:,} sound, {found['quarantined']:,} held back."
            )
            for one in found["reasons"]:
                console.print(f"  {one['rows']:>8,}  {one['reason']}: {one['detail']}", markup=False)
            console.print(
                "Staged: " + ", ".join(f"{n:,} {table}" for table, n in found["rows"].items()), markup=False
            )
            for note in found["notes"]:
                console.print(f"Note   {note}", markup=False)
        errors = sum(problem.kind == "error" for problem in report.problems)
        console.print(f"{errors} to mend." if errors else "The contract is sound.")

    emit(report.as_dict(), human)
    raise typer.Exit(0 if report.ok else 1)


@app.command("list")
def list_contracts() -> None:
    """The contracts that ship, and the site's own."""
    from lockgate.capture.tabular import known_contracts

    listed = [
        {
            "name": name,
            "title": one.contract.title,
            "origin": one.origin,
            "source": one.contract.source or name,
            "stages": list(one.tables()),
        }
        for name, one in known_contracts(_site()).items()
    ]

    def human() -> None:
        shown = Table("contract", "title", "stages", "from", box=None, pad_edge=False)
        for one in listed:
            shown.add_row(str(one["name"]), str(one["title"]), ", ".join(one["stages"]), str(one["origin"]))
        console.print(shown)

    emit({"contracts": listed}, human)


@app.command()
def show(contract: Annotated[str, typer.Argument(help="A contract's name or folder.")]) -> None:
    """One contract: its columns, what each holds, and where its rows go."""
    from lockgate.capture.tabular import contract as find
    from lockgate.cli.reference_contracts import contract_page

    loaded = find(contract, _site())
    whole = {**loaded.contract.model_dump(by_alias=True), "origin": loaded.origin, "selects": loaded.selects}
    emit(whole, contract_page(loaded))
