"""Contracts on disk: those that ship with Lockgate, a site's own in SITE/contracts, and any other folder.

A contract is a folder: ``contract.yaml`` and one ``<staged table>[.<what>].sql`` for each SELECT over its rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from lockgate.capture.tabular.contract import Contract
from lockgate.errors import UsageError
from lockgate.schema import STAGED
from lockgate.site import Site

FILE = "contract.yaml"


class LoadedContract(BaseModel):
    """A contract and the SELECTs beside it: file name without .sql -> SQL; ``origin`` says where it was found."""

    contract: Contract
    selects: dict[str, str]
    origin: str

    def tables(self) -> dict[str, list[str]]:
        """The staged tables its rows become, and the SELECTs of each."""
        found: dict[str, list[str]] = {}
        for name, select in self.selects.items():
            found.setdefault(name.split(".")[0], []).append(select)
        return found


# libyaml's, where PyYAML was built with it: all contracts take ten times as long to read without.
_FAST: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def said(error: ValidationError) -> list[str]:
    """What is wrong with a contract's YAML, each with its place."""
    found: dict[tuple[str, str], str] = {}
    for one in error.errors():
        words = str(one["msg"]).removeprefix("Value error, ")
        words = "unknown key" if one["type"] == "extra_forbidden" else words
        place = ".".join(str(step) for step in one["loc"])
        # The members of a family of columns are wrong together: said once.
        found.setdefault((re.sub(r"\d+", "", place), words), f"{place}: {words}" if place else words)
    return list(found.values())


def read_yaml(file: Traversable | Path) -> object:
    """A contract's YAML as it is; UsageError names the line that is none."""
    try:
        text = file.read_text(encoding="utf-8")
        try:
            return yaml.load(text, _FAST)  # noqa: S506
        except yaml.YAMLError:
            return yaml.safe_load(text)  # for its words
    except OSError as error:
        raise UsageError(
            "no such contract", where=str(file), remedy="`lockgate contract list` lists them"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8", where=str(file), remedy="save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise UsageError(f"is not YAML: {problem}", where=f"{file}{line}", remedy="mend that line") from error


def read_selects(folder: Traversable | Path) -> dict[str, str]:
    """The SELECTs of a contract's folder, by name of their files."""
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    }


def no_table(names: Iterable[str]) -> list[str]:
    """Those of the SELECTs' names that are no staged table's."""
    return sorted(name for name in names if name.split(".")[0] not in STAGED)


def read_contract(folder: Traversable | Path, origin: str = "") -> LoadedContract:
    """Read a contract folder; UsageError says what is wrong with it, and where."""
    file = folder.joinpath(FILE)
    raw = read_yaml(file)
    try:
        contract = Contract.model_validate(raw)
    except ValidationError as error:
        raise UsageError(
            "; ".join(said(error)),
            where=str(file),
            remedy="docs/reference/contract-language.md says what may be there; `lockgate contract check` tells all",
        ) from error
    selects = read_selects(folder)
    unknown = no_table(selects)
    if unknown or not selects:
        raise UsageError(
            f"no staged table is called {', '.join(unknown)}" if unknown else "the contract has no SELECT",
            where=str(folder),
            remedy="name each .sql file after a table of schema/staged.yaml",
        )
    return LoadedContract(contract=contract, selects=selects, origin=origin or str(folder))


def _folders(root: Traversable | Path) -> list[Traversable | Path]:
    return [
        folder
        for folder in sorted(root.iterdir(), key=lambda folder: folder.name)
        if folder.is_dir() and not folder.name.startswith(("_", "."))
    ]


@cache
def contracts() -> dict[str, LoadedContract]:
    """Every contract that ships with Lockgate, by name."""
    root = resources.files("lockgate.capture").joinpath("contracts")
    return {folder.name: read_contract(folder, "shipped") for folder in _folders(root)}


def known_contracts(site: Site | None) -> dict[str, LoadedContract]:
    """The contracts that ship and the site's own; the site's stands before a shipped one of its name."""
    own = site.path / "contracts" if site else None
    if own is None or not own.is_dir():
        return contracts()
    return {**contracts(), **{folder.name: read_contract(folder, "site") for folder in _folders(own)}}


def contract(name: str, site: Site | None = None) -> LoadedContract:
    """A contract by name (the site's own first), or by the path of its folder or its contract.yaml."""
    if site is not None and (site.path / "contracts" / name / FILE).is_file() and "/" not in name:
        return read_contract(site.path / "contracts" / name, "site")
    if name in contracts():
        return contracts()[name]
    path = Path(name)
    if path.is_dir():
        return read_contract(path)
    if path.is_file():
        return read_contract(path.parent)
    raise unknown_contracts([name], known_contracts(site))


def unknown_contracts(names: Iterable[str], known: Iterable[str], where: str = "") -> UsageError:
    """The error that no contract is called so, with the nearest names there are."""
    listed, known = list(names), list(known)
    near = list(dict.fromkeys(found for name in listed for found in get_close_matches(name, known, 3, 0.5)))
    return UsageError(
        f"no contract is called {', '.join(map(repr, listed))}",
        where=where,
        remedy=(f"is it {', '.join(near[:5])}? " if near else "")
        + "`lockgate contract list` names them all; a contract's folder may be named too",
    )
