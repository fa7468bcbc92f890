"""Tables by contract: files of other systems (delimited text, Parquet) into staged rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from lockgate.capture.batches import EMPTY, CaptureResult
from lockgate.capture.intake import run
from lockgate.capture.lines import CHUNK_BYTES, SourceFile, blocks, find_files
from lockgate.capture.tabular.contract import Contract
from lockgate.capture.tabular.csvfile import read_text
from lockgate.capture.tabular.load import (
    LoadedContract,
    contract,
    contracts,
    known_contracts,
    read_contract,
    unknown_contracts,
)
from lockgate.capture.tabular.parquetfile import is_parquet, read_parquet
from lockgate.capture.tabular.reader import TableReader
from lockgate.errors import Refused, UsageError
from lockgate.site import Site

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


def read_rows(
    file: SourceFile, agreed: Contract, notes: list[str], chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pa.Table]:
    """The rows of a file as tables of ``lines.SCHEMA``, whatever its format; what to say of it goes to ``notes``.

    Raises Refused when its columns do not fit the contract.
    """
    rows = read_parquet(file, agreed, notes) if is_parquet(file) else None
    yield from _told(file, agreed, rows or read_text(file, agreed, notes, chunk_bytes), notes)


def _told(
    file: SourceFile, agreed: Contract, rows: Iterator[pa.Table], notes: list[str]
) -> Iterator[pa.Table]:
    """The rows; and where there are none, what the contract says of that: an export that failed looks the same."""
    count = 0
    for table in rows:
        count += table.num_rows
        yield table
    if count or agreed.empty == "allow":
        return
    header = next(blocks(file.path), b"").strip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    said = "the file has a header and no row" if header else "the file is empty: not even a header"
    if agreed.empty == "refuse":
        raise Refused(
            "the delivery is empty, and its contract says that none may be",
            reasons=[said],
            where=file.name,
            remedy="ask the source to send it again; nothing was captured",
        )
    notes.append(f"{EMPTY}: {said}")


def capture_table(
    site: Site, contract_name: str, path: Path | str, *, source: str = "", actor: str
) -> CaptureResult:
    """Capture one file (text, plain or gzip, or Parquet) by a contract's name or folder.

    The source is the contract's, which is its name unless it says otherwise. Raises Refused when the header does not
    fit the contract, UsageError when there is no such file or contract.
    """
    return capture_file(site, contract(contract_name, site), Path(path), source, actor)


def capture_file(site: Site, loaded: LoadedContract, path: Path, source: str, actor: str) -> CaptureResult:
    """``capture_table`` for a contract that is loaded already."""
    if not path.is_file():
        raise UsageError("no such file", where=str(path), remedy="check the path")
    reader = TableReader(loaded)
    rows = read_rows(SourceFile(path, path.name), loaded.contract, reader.notes)
    source = source or loaded.contract.source or loaded.contract.name
    result = run(site, reader, rows, source=source, actor=actor)
    if loaded.contract.source and result.rows.keys() & {"patient", "encounter"}:
        # Rows of the source's other tables may have waited for these.
        from lockgate.capture.held import retry_held

        moved = retry_held(site, reason="missing-reference", source=source, actor=actor)
        if recovered := sum(one.recovered for one in moved):
            result.warnings.append(f"{recovered} rows of other tables of {source} left quarantine")
    return result


def capture_tables(site: Site, folder: Path | str, *, actor: str) -> list[CaptureResult]:
    """Capture every table of a folder whose name (before the first dot) is a contract's, one batch each.

    All headers are checked before anything is captured. Files that no contract names are an error.
    """
    folder = Path(folder)
    files, _ = find_files(folder, SUFFIXES)
    if not files:
        raise UsageError(
            "no table here",
            where=str(folder),
            remedy=f"name a folder of {', '.join(SUFFIXES)} files (.gz too)",
        )
    known = known_contracts(site)
    unknown = [file.name for file in files if _stem(file) not in known]
    if unknown:
        raise unknown_contracts([name.split(".")[0] for name in unknown], known, str(folder))
    for file in files:
        next(read_rows(file, known[_stem(file)].contract, [], chunk_bytes=1), None)
    # Tables that bring people, then those that bring visits: what refers to them finds them there.
    order = sorted(files, key=lambda file: _order(known[_stem(file)]))
    return [capture_file(site, known[_stem(file)], file.path, "", actor) for file in order]


def _order(loaded: LoadedContract) -> tuple[bool, bool, str]:
    return "patient" not in loaded.selects, "encounter" not in loaded.selects, loaded.contract.name


def _stem(file: SourceFile) -> str:
    return file.path.name.split(".")[0]


__all__ = [
    "Contract",
    "LoadedContract",
    "TableReader",
    "capture_file",
    "capture_table",
    "capture_tables",
    "contract",
    "contracts",
    "known_contracts",
    "read_contract",
    "read_rows",
]
