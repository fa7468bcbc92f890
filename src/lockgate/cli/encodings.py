"""``lockgate link encode`` and ``lockgate link match``: linkage by encodings, with a third party in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from lockgate.cli.common import actor, console, emit, open_site, site_path
from lockgate.errors import UsageError
from lockgate.identity.linkage import parse_map

FIELDS = "given_name,family_name,birth_date,sex,postcode"


def encode(
    project: Annotated[str, Argument(help="The project whose scope permits the linkage.")],
    partner: Annotated[str, Argument(help="The partner, by our name for it.")],
    file: Annotated[
        Path | None,
        Argument(
            help="A CSV or Parquet file of people, one row each; without one, those of the patient index."
        ),
    ] = None,
    out: Annotated[Path, Option(help="The folder to write, for the third party.")] = Path("encodings"),
    fields: Annotated[str, Option(help="What to encode of the patient index; both sides the same.")] = FIELDS,
    ident: Annotated[str, Option("--id", help="The column of FILE that identifies a row.")] = "id",
    mapping: Annotated[
        str, Option("--map", help="What FILE's columns mean: given_name=COL,family_name=COL,...")
    ] = "",
    opt_outs: Annotated[
        Path | None, Option(help="NHS numbers or ids of people to leave out, one a line.")
    ] = None,
) -> None:
    """Encode people so that a third party can compare and not read them.

    Needs a scope that permits linkage by encodings with this partner, and a key agreed with it.
    """
    from lockgate.workspace.partners.api import (  # see cli.link: it would wait for this
        encode_file,
        encode_people,
    )

    site = open_site()
    if file is None:
        if mapping or opt_outs:
            raise UsageError("--map and --opt-outs are for a FILE", remedy="give the file, or leave them out")
        names = [name.strip() for name in fields.split(",") if name.strip()]
        made = encode_people(site, project, partner, names, out, actor())
    else:
        made = encode_file(
            site, project, partner, file, ident, parse_map(mapping), out, actor(), opt_outs=opt_outs
        )
    emit(made, lambda: _print_encoded(made))


def _print_encoded(made: dict[str, Any]) -> None:
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in made["counts"].items())
    console.print(f"{counts}; fields {', '.join(name for name, _ in made['fields'])}", markup=False)
    for name, why in made["left_out"].items():
        console.print(f"Tells nobody apart: {name} ({why})", markup=False)
    console.print(
        f"In {made['out']}, under the key with check {made['key_check']}: send it to the third party."
    )


def match(
    left: Annotated[Path, Argument(help="One side's folder of encodings.")],
    right: Annotated[Path, Argument(help="The other side's.")],
    out: Annotated[Path, Option(help="The folder to write: a result for each side.")] = Path("matches"),
) -> None:
    """Match two sides' encodings, as the third party who has no key.

    Refused, and nothing is matched, when the two were made under different keys, parameters or fields.
    """
    from lockgate.workspace.partners.api import match as match_parcels

    site = open_site() if (site_path() / "site.toml").is_file() else None
    found = match_parcels(left, right, out, site, actor())
    emit(found, lambda: _print_matched(found))


def _print_matched(found: dict[str, Any]) -> None:
    console.print(
        f"{found['rows'][0]:,} and {found['rows'][1]:,} encodings, {found['pairs_compared']:,} pairs compared "
        f"({found['way']}), {found['links']:,} linked at distance {found['threshold']} or less."
    )
    if found["ambiguous"]:
        console.print(f"{found['ambiguous']:,} left unlinked: two were equally near.")
    if found["blocks_too_large"]:
        console.print(f"{found['blocks_too_large']:,} blocks were too large and not compared.")
    for side in found["for"].values():
        console.print(f"{side['folder']} goes to the side whose key is {side['key']}", markup=False)
