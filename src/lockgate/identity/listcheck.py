"""The national data opt-out by list check, as NHS England's service over MESH does it.

A list of NHS numbers is sent; the same list comes back without the numbers of people who have opted out. Whoever was
sent and did not come back has opted out; whoever comes back again has withdrawn the opt-out that an earlier check
found. The answer is captured as a file of the contract ``opt_outs``, so it is kept raw, counted and traced like any
other.
"""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lockgate.capture import latest_view
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.identity.objections import NATIONAL
from lockgate.schema.nhs_number import SQL_MACROS
from lockgate.site import Site
from lockgate.site.files import sha256_file, spill_dir, write_atomic

SOURCE = "national_opt_out_check"
EVENT = "optout.checked"


@dataclass(frozen=True, slots=True)
class ListCheck:
    """What a check told: numbers sent, come back, held back (opted out), and how many of these are new or ended."""

    sent: int
    returned: int
    opted_out: int
    new: int
    withdrawn: int
    on: date

    def as_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return {**asdict(self), "on": self.on.isoformat()}


def write_list(engine: Engine, site: Site, path: Path) -> dict[str, int]:
    """Write the list to send: every distinct NHS number with a right check digit, one a line, a comma after each.

    Returns how many numbers, and how many patient records have none that can be checked. The file is identifiable:
    mode 0600.
    """
    for macro in SQL_MACROS:
        engine.execute(macro)
    patient = latest_view(engine, site, "patient")
    clean = "nhs_number_clean(nhs_number)"
    usable = f"nhs_number_valid({clean})"
    numbers = [n for (n,) in engine.rows(f"SELECT DISTINCT {clean} FROM {patient} WHERE {usable} ORDER BY 1")]
    without = int(engine.one(f"SELECT count(*) FROM {patient} WHERE NOT coalesce({usable}, false)"))
    write_atomic(path, "".join(f"{number},\n" for number in numbers).encode())
    return {"numbers": len(numbers), "records_without": without}


def read_list(path: Path) -> set[str]:
    """The NHS numbers of a list: the first value of each line, spaces and a header aside. UsageError when it has none
    or a line holds something else."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the list can't be read", where=str(path), remedy="a text file, UTF-8") from error
    found: set[str] = set()
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        value = (row[0] if row else "").replace(" ", "").replace("-", "")
        if not value or (number == 1 and not any(letter.isdigit() for letter in value)):
            continue
        if not (len(value) == 10 and value.isascii() and value.isdigit()):
            raise UsageError(
                f"line {number} holds no NHS number",
                where=str(path),
                remedy="ten digits a line, nothing else first",
            )
        found.add(value)
    return found


def take_check(
    engine: Engine, site: Site, sent: Path, returned: Path, *, on: date, actor: str, allow_all: bool = False
) -> ListCheck:
    """Hold a list that was sent against the one that came back, and capture who has opted out, from the day ``on``.

    Refused when the answer holds numbers that were not sent (another list's answer), or none of a list of several
    unless ``allow_all``.
    """
    from lockgate.capture.tabular import capture_table

    asked, cleared = read_list(sent), read_list(returned)
    reasons = []
    if not asked:
        raise UsageError("the list that was sent is empty", where=str(sent))
    if strangers := len(cleared - asked):
        reasons.append(f"{strangers} numbers came back that were not sent: it answers another list")
    if not cleared and len(asked) > 1 and not allow_all:
        reasons.append("no number came back: everybody would have opted out")
    if reasons:
        raise Refused(
            "the answer does not fit the list",
            reasons=reasons,
            where=str(returned),
            remedy="check both files; if really nobody came back, say --allow-all",
        )
    standing = _standing(engine, site)
    out = asked - cleared
    # a number held back by an earlier check keeps its first day; one that comes back now has its last
    new = sorted(out - {number for number, until in standing.items() if until is None})
    ended = sorted(number for number, until in standing.items() if number in cleared and until is None)
    rows = [[number, NATIONAL, on.isoformat(), ""] for number in new]
    first = _first_days(engine, site)
    rows += [
        [number, NATIONAL, first[number].isoformat(), max(on, first[number]).isoformat()] for number in ended
    ]
    if rows:
        with tempfile.TemporaryDirectory(prefix=".check-", dir=spill_dir(site.staged)) as folder:
            file = Path(folder) / f"list-check-{on.isoformat()}.csv"
            text = io.StringIO()
            csv.writer(text).writerows([["nhs_number", "kind", "from_date", "until_date"], *rows])
            write_atomic(file, text.getvalue().encode())
            captured = capture_table(site, "opt_outs", file, source=SOURCE, actor=actor)
        if captured.quarantined:
            raise Refused(
                "some of the answer was held back in quarantine",
                reasons=[f"{n} {reason}" for reason, n in captured.reasons.items()],
                remedy="`lockgate capture quarantine list`; mend the list and check again",
            )
    result = ListCheck(len(asked), len(cleared), len(out), len(new), len(ended), on)
    told = {key: value for key, value in result.as_dict().items() if key != "on"}
    site.audit.append(
        EVENT,
        actor=actor,
        day=on.isoformat(),
        **told,
        sent_sha256=sha256_file(sent),
        returned_sha256=sha256_file(returned),
    )
    return result


def _checked(engine: Engine, site: Site, column: str) -> list[tuple[str, Any]]:
    for macro in SQL_MACROS:
        engine.execute(macro)
    return engine.rows(
        f"SELECT nhs_number_clean(nhs_number), {column} FROM {latest_view(engine, site, 'objection')}"
        f" WHERE source = '{SOURCE}' AND kind = '{NATIONAL}'"
    )


def _standing(engine: Engine, site: Site) -> dict[str, date | None]:
    """The numbers that earlier checks held back, each with the day its opt-out was withdrawn, or None."""
    return dict(_checked(engine, site, "until_date"))


def _first_days(engine: Engine, site: Site) -> dict[str, date]:
    return dict(_checked(engine, site, "from_date"))
