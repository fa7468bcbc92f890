"""Tables by contract: CSV files of other systems into staged rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from lockgate.capture.batches import CaptureResult
from lockgate.capture.intake import run
from lockgate.capture.lines import SourceFile, find_files
from lockgate.capture.tabular.contract import Contract, LoadedContract, contract, contracts, read_contract
from lockgate.capture.tabular.csvfile import read_rows
from lockgate.capture.tabular.reader import TableReader
from lockgate.errors import UsageError
from lockgate.site import Site


def capture_table(
    site: Site, contract_name: str, path: Path | str, *, source: str = "", actor: str
) -> CaptureResult:
    """Capture one CSV file (plain or gzip) by a contract's name; the source is the contract's unless given.

    Raises Refused when the header does not fit the contract, UsageError when there is no such file or contract.
    """
    loaded = contract(contract_name)
    path = Path(path)
    if not path.is_file():
        raise UsageError("no such file", where=str(path), remedy="check the path")
    file = SourceFile(path, path.name)
    source = source or loaded.contract.source or loaded.contract.name
    result = run(site, TableReader(loaded), read_rows(file, loaded.contract), source=source, actor=actor)
    if loaded.contract.source and result.rows.keys() & {"patient", "encounter"}:
        # Rows of the source's other tables may have waited for these.
        from lockgate.capture.held import retry_held

        moved = retry_held(site, reason="missing-reference", source=source, actor=actor)
        if recovered := sum(one.recovered for one in moved):
            result.warnings.append(f"{recovered} rows of other tables of {source} left quarantine")
    return result


def capture_tables(site: Site, folder: Path | str, *, actor: str) -> list[CaptureResult]:
    """Capture every CSV of a folder whose name (before the first dot) is a contract's, one batch each.

    All headers are checked before anything is captured. Files that no contract names are an error.
    """
    folder = Path(folder)
    files, _ = find_files(folder, (".csv",))
    if not files:
        raise UsageError(
            "no CSV file here", where=str(folder), remedy="name a folder of .csv files (.gz too)"
        )
    unknown = [file.name for file in files if _stem(file) not in contracts()]
    if unknown:
        raise UsageError(
            f"no contract is called as these files: {', '.join(unknown)}",
            where=str(folder),
            remedy=f"the contracts are {', '.join(contracts())}",
        )
    for file in files:
        _check_header(file, contracts()[_stem(file)].contract)
    # Tables that bring people, then those that bring visits: what refers to them finds them there.
    order = sorted(files, key=lambda file: _order(contracts()[_stem(file)]))
    return [capture_table(site, _stem(file), file.path, actor=actor) for file in order]


def _order(loaded: LoadedContract) -> tuple[bool, bool, str]:
    return "patient" not in loaded.selects, "encounter" not in loaded.selects, loaded.contract.name


def _stem(file: SourceFile) -> str:
    return file.path.name.split(".")[0]


def _check_header(file: SourceFile, agreed: Contract) -> None:
    rows: Iterator[pa.Table] = read_rows(file, agreed, chunk_bytes=1)
    next(rows, None)


__all__ = [
    "Contract",
    "LoadedContract",
    "TableReader",
    "capture_table",
    "capture_tables",
    "contract",
    "contracts",
    "read_contract",
]
