"""HL7 v2 (2.1 to 2.8): files and feeds of ADT, ORU, ORM, ORR, MDM, VXU and PPR messages, into staged rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from lockgate.capture.batches import CaptureResult
from lockgate.capture.hl7v2.frames import read_messages
from lockgate.capture.hl7v2.listener import Heard, listen
from lockgate.capture.hl7v2.message import Message
from lockgate.capture.hl7v2.mllp import Tls, transmit
from lockgate.capture.hl7v2.reader import Hl7Reader
from lockgate.capture.intake import run
from lockgate.capture.lines import SourceFile, find_files
from lockgate.errors import UsageError
from lockgate.site import Site

SUFFIXES = (".hl7", ".txt", ".dat", ".msg", ".mllp")


def capture_hl7v2(site: Site, path: Path | str, *, source: str = "hl7v2", actor: str) -> CaptureResult:
    """Capture a file or folder of HL7 v2 messages as one batch of ``source``.

    Reads every ``.hl7``, ``.txt``, ``.dat``, ``.msg`` and ``.mllp`` below ``path``, plain or ``.gz``; a file named
    itself is read whatever its name. Raises UsageError when there is nothing to read.
    """
    files, passed = find_files(Path(path), SUFFIXES)
    if not files:
        raise UsageError(
            "no HL7 v2 file here",
            where=str(path),
            remedy=f"name a file, or a folder of {', '.join(SUFFIXES)} files (.gz too)",
        )
    warnings: Counter[str] = Counter()
    if passed:
        warnings[f"not read, since their names end in none of {', '.join(SUFFIXES)}: {len(passed)} files"] = 1
    return capture_files(site, files, source=source, actor=actor, warnings=warnings)


def capture_files(
    site: Site, files: list[SourceFile], *, source: str, actor: str, warnings: Counter[str] | None = None
) -> CaptureResult:
    """Capture these files as one batch."""
    told = warnings if warnings is not None else Counter()
    charset = site.config.hl7v2.character_set

    def chunks() -> Iterator[pa.Table]:
        yield from read_messages(files, charset, told)

    return run(site, Hl7Reader(), chunks(), source=source, actor=actor, warnings=told)


def send(path: Path | str, where: str, *, tls: Tls | None = None) -> dict[str, int]:
    """Send the messages of a file or folder to HOST:PORT; how many were answered AA, AE and AR."""
    files, _ = find_files(Path(path), SUFFIXES)

    def messages() -> Iterator[bytes]:
        for table in read_messages(files, "UNICODE UTF-8", Counter()):
            for text in table.column("raw").to_pylist():
                yield text.encode()

    return transmit(messages(), where, tls=tls)


__all__ = [
    "Heard",
    "Hl7Reader",
    "Message",
    "Tls",
    "capture_files",
    "capture_hl7v2",
    "listen",
    "read_messages",
    "send",
]
