"""Patients who ask: a code from the hospital opens one's own record's uses, and lets one object to them.

A code has 80 random bits, is written for people (Crockford's base 32, in fours) and kept only as an HMAC under the
site's key, with the records it stands for. It names a person to nobody who doesn't hold both the site and the code.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import re
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from lockgate.capture import latest_view
from lockgate.capture.tabular import capture_table
from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.identity import index_path, index_view
from lockgate.schema import Column
from lockgate.schema.nhs_number import SQL_MACROS
from lockgate.site import Site
from lockgate.site.files import spill_dir, write_atomic
from lockgate.workspace.scope import today
from lockgate.workspace.uses import Use, uses_of

SOURCE = "patient_page"
KIND = "local_objection"
DAYS = 90
Choice = Literal["all", "research", "none"]
_PURPOSES: dict[str, str] = {"all": "all", "research": "research"}
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: Crockford
_LENGTH = 16
_MISREAD = str.maketrans("OIL", "011")
_FORMER = (Column("source", "VARCHAR"), Column("record_id", "VARCHAR"), Column("person_key", "BIGINT"))


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was given out: for which records, until when. The code itself is not kept."""

    code_id: str
    records: tuple[tuple[str, str], ...]
    issued_at: str
    until: str
    by: str
    revoked_at: str = ""

    def holds(self, day: date) -> bool:
        """Whether it opens anything on a day."""
        return not self.revoked_at and day <= date.fromisoformat(self.until)


def issue(site: Site, nhs_number: str, *, by: str, days: int = DAYS) -> tuple[str, Code]:
    """A new code for the person with an NHS number, and what is kept of it. The code is told once, here.

    UsageError when it is no NHS number, or nobody here has it; the number is never repeated.
    """
    if not 1 <= days <= 366:
        raise UsageError("a code holds for 1 to 366 days", where="days")
    records = _records(site, nhs_number)
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    kept = Code(
        code_id=secrets.token_hex(4),
        records=records,
        issued_at=datetime.now(UTC).isoformat(timespec="microseconds"),  # letters are made many a second
        until=(today(site) + timedelta(days=days)).isoformat(),
        by=by,
    )
    _keep(site, _seal(site, code), kept)
    site.audit.append("patient.code_issued", actor=by, code=kept.code_id, until=kept.until)
    return "-".join(re.findall("....", code)), kept


def _records(site: Site, nhs_number: str) -> tuple[tuple[str, str], ...]:
    with Engine(threads=1) as engine:
        for macro in SQL_MACROS:
            engine.execute(macro)
        number = engine.one("SELECT nhs_number_clean(?)", [nhs_number])
        if number is None or not engine.one("SELECT nhs_number_valid(?)", [number]):
            raise UsageError("this is no NHS number: ten digits, the last of which is a check digit")
        if not index_path(site).exists():
            raise UsageError("this site has no patient index yet", remedy="run `lockgate index build` first")
        rows = engine.rows(
            f"SELECT DISTINCT p.source, p.record_id FROM {latest_view(engine, site, 'patient')} p "
            f"JOIN {index_view(engine, site)} i USING (source, record_id) "
            "WHERE nhs_number_clean(p.nhs_number) = ? ORDER BY ALL",
            [number],
        )
    if not rows:
        raise UsageError("nobody here has this NHS number", remedy="check it, or look in the record itself")
    return tuple((str(source), str(record)) for source, record in rows)


def revoke(site: Site, code_id: str, *, by: str) -> None:
    """From now on a code opens nothing. UsageError when there is none of that id."""
    for path, code in _kept(site):
        if code.code_id == code_id:
            changed = {**asdict(code), "revoked_at": datetime.now(UTC).isoformat(timespec="seconds")}
            write_atomic(path, json.dumps(changed).encode())
            site.audit.append("patient.code_revoked", actor=by, code=code_id)
            return
    raise UsageError(f"there is no code {code_id!r}", remedy="`lockgate patient codes` lists their ids")


def codes(site: Site) -> list[Code]:
    """Every code that was given out, the oldest first."""
    return sorted((code for _, code in _kept(site)), key=lambda code: (code.issued_at, code.code_id))


def find(site: Site, code: str) -> tuple[str, Code] | None:
    """The code as it is kept, while it holds, and the seal that stands for it in forms; None for any other text."""
    plain = re.sub(r"[\s-]", "", code).upper().translate(_MISREAD)
    if len(plain) != _LENGTH or set(plain) - set(_ALPHABET):
        return None
    for generation in range(site.keyring.generation, 0, -1):  # the root key may have been rotated since
        sealed = _seal(site, plain, generation)
        if (kept := by_seal(site, sealed)) is not None:
            return sealed, kept
    return None


def by_seal(site: Site, sealed: str) -> Code | None:
    """The code that a seal stands for, while it holds."""
    if not re.fullmatch(r"[0-9a-f]{64}", sealed):
        return None
    try:
        kept = _read(_folder(site) / f"{sealed}.json")
    except FileNotFoundError:
        return None
    return kept if kept.holds(today(site)) else None


def uses(site: Site, code: Code) -> list[Use]:
    """The projects that held, or hold, the record; the newest first."""
    return uses_of(site, _keys(site, code))


def _keys(site: Site, code: Code) -> set[int]:
    """Every key of the person: of the records now, and before they were merged or parted."""
    with Engine(threads=1) as engine:
        index = f"SELECT source, record_id, person_key FROM {index_view(engine, site)}"
        before = index_path(site).parent / "former_keys.parquet"
        if before.exists():
            engine.view_parquet("patient_before", before, _FORMER)
            index += " UNION SELECT source, record_id, person_key FROM patient_before"
        values = ", ".join("(?, ?)" for _ in code.records)
        rows = engine.rows(
            f"SELECT DISTINCT person_key FROM ({index}) WHERE (source, record_id) IN ({values})",
            [part for record in code.records for part in record],
        )
    return {int(key) for (key,) in rows}


def objection(site: Site, code: Code) -> Choice:
    """What the person said on the page last: object to all uses, to research, or to none."""
    with Engine(threads=1) as engine:
        rows = engine.rows(
            f"SELECT purposes, until_date FROM {latest_view(engine, site, 'objection')} "
            "WHERE source = ? AND kind = ? AND nhs_number = ? ORDER BY from_date DESC",
            [SOURCE, KIND, _number(engine, site, code)],
        )
    if not rows or (rows[0][1] is not None and rows[0][1] <= today(site)):
        return "none"
    return "research" if rows[0][0] == "research" else "all"


def object_to(site: Site, code: Code, choice: Choice) -> None:
    """Take in what the person chose, as any feed of objections: it holds from the next read.

    UsageError for another choice; LockgateError when the record has no NHS number any more.
    """
    if choice not in (*_PURPOSES, "none"):
        raise UsageError("choose what you object to", where="choice")
    was = objection(site, code)
    if choice == was:
        return
    day = today(site).isoformat()
    with Engine(threads=1) as engine:
        number = _number(engine, site, code)
    row = [number, KIND, _PURPOSES.get(choice) or _PURPOSES[was], day, day if choice == "none" else ""]
    with tempfile.TemporaryDirectory(prefix=".patient-", dir=spill_dir(site.staged)) as folder:
        file = Path(folder) / f"{SOURCE}-{secrets.token_hex(4)}.csv"
        text = io.StringIO()
        csv.writer(text).writerows([["nhs_number", "kind", "purposes", "from_date", "until_date"], row])
        write_atomic(file, text.getvalue().encode())
        captured = capture_table(site, "opt_outs", file, source=SOURCE, actor=SOURCE)
    if captured.quarantined:
        raise Refused("this could not be taken in", reasons=sorted(captured.reasons))
    site.audit.append("patient.objected", actor=SOURCE, code=code.code_id, choice=choice)


def _number(engine: Engine, site: Site, code: Code) -> str:
    for source, record in code.records:
        rows = engine.rows(
            f"SELECT nhs_number FROM {latest_view(engine, site, 'patient')} "
            "WHERE source = ? AND record_id = ? AND nhs_number IS NOT NULL",
            [source, record],
        )
        if rows:
            return str(rows[0][0])
    raise LockgateError(
        "the record has no NHS number any more",
        remedy="the hospital's data protection office takes the objection",
    )


def _seal(site: Site, plain: str, generation: int | None = None) -> str:
    key = site.key("patient-codes", generation=generation)
    return hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()


def _folder(site: Site) -> Path:
    return index_path(site).parent / "codes"


def _keep(site: Site, sealed: str, code: Code) -> None:
    folder = _folder(site)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(folder / f"{sealed}.json", json.dumps(asdict(code)).encode())


def _read(path: Path) -> Code:
    raw = json.loads(path.read_bytes())
    return Code(**{**raw, "records": tuple((str(source), str(record)) for source, record in raw["records"])})


def _kept(site: Site) -> Iterator[tuple[Path, Code]]:
    for path in sorted(_folder(site).glob("*.json")):
        yield path, _read(path)
