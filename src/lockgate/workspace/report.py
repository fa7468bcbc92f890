"""What a job's author is told of how it ended: enough to mend the code, and nothing that could be data.

Whatever a job prints, and the message of any error, may hold values of the data; both stay in the project's folder.
Told are: how it ended, the kind of error, and the lines of the author's own files that it passed through. Only names
known beforehand are repeated: kinds of error of Python and the installed libraries, files of the code, line numbers
that exist, names of outputs that the code spells out. A name that a job made up while it ran is not repeated.
"""

from __future__ import annotations

import builtins
import errno
import re
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath

from lockgate.workspace.sandbox.model import Outcome

_LIBRARY_NAMES = """
    BinderException CatalogException ParserException ConversionException InvalidInputException OutOfRangeException
    OutOfMemoryException IOException PermissionException ConstraintException TypeMismatchException
    InvalidTypeException NotImplementedException SyntaxException TransactionException InternalException
    ColumnNotFoundError ComputeError DuplicateError InvalidOperationError NoDataError SchemaError
    SchemaFieldNotFoundError ShapeError SQLInterfaceError SQLSyntaxError StructFieldNotFoundError
    ArrowInvalid ArrowTypeError ArrowKeyError ArrowNotImplementedError ArrowMemoryError ArrowIndexError
    EmptyDataError ParserError MergeError IntCastingNaNError OutOfBoundsDatetime SpecificationError
    OutputError LinAlgError JSONDecodeError gaierror
"""
_LIBRARY_ERRORS = frozenset(_LIBRARY_NAMES.split())
_KNOWN_ERRORS = _LIBRARY_ERRORS | {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
_FRAME = re.compile(r'^\s*File "/code/([^"\n]{1,200})", line ([0-9]{1,7})', re.MULTILINE)
_LAST_LINE = re.compile(r"^([A-Za-z_][A-Za-z0-9_.]{0,100})(?::|$)", re.MULTILINE)
_STATEMENT = re.compile(
    r"^lockgate-sql: statement ([0-9]{1,6}), line ([0-9]{1,7}): ([A-Za-z]{1,60})$", re.MULTILINE
)
_EXPRESSION = re.compile(r"^lockgate-r: line ([0-9]{1,7}): ([A-Za-z_.]{1,60})$", re.MULTILINE)
_ERRNO = re.compile(r"^(?:[A-Za-z]+Error): \[Errno ([0-9]{1,3})\]", re.MULTILINE)
# errors of the sandbox itself, in words; any other number is not repeated
_LIMITS_MET = {
    errno.EFBIG: "a file reached the limit for one file",
    errno.ENOSPC: "the scratch space is full",
    errno.EROFS: "nothing but outputs and scratch space can be written",
    errno.ENETUNREACH: "there is no network here",
    errno.EMFILE: "too many files are open",
    errno.EAGAIN: "as many processes run as may",
}
_SIGNALS = {
    signal.SIGXFSZ: "a file reached the limit for one file",
    signal.SIGXCPU: "it reached the limit of processor time",
}
_DIGITS = re.compile(r"[0-9]+")
_TRACEBACK = "Traceback (most recent call last):"


def policy_log(outcome: Outcome, code: Path, refused: Sequence[tuple[str, str]] = ()) -> str:
    """The lines that the author may read.

    ``code`` is the folder of the job's own files; ``refused`` are (name, reason) of what may not be an output.
    """
    log = outcome.log.decode("utf-8", "replace")
    lines = [_ending(outcome)]
    if outcome.exit_code:
        lines += _python_error(log, code) or _sql_error(log, code) or _r_error(log, code)
    lines.append(
        "What the job printed is kept in the project and not shown: it may hold data. Results go to the outputs folder."
        if outcome.log
        else "The job printed nothing."
    )
    lines += _not_taken(refused, code)
    return "\n".join(lines) + "\n"


MADE_UP = "(a name that is not in the code)"
MOST_NAMES = 30
_MOST_CODE = 4_000_000


def known_names(code: Path) -> Callable[[str], bool]:
    """Tells whether a file's name, less its ending, stands word for word in the code (a file, or a folder of it)."""
    files = sorted(path for path in code.rglob("*") if path.is_file()) if code.is_dir() else [code]
    return names_in(
        path.read_bytes()[:_MOST_CODE].decode("utf-8", "replace") for path in files if path.is_file()
    )


def names_in(texts: Iterable[str]) -> Callable[[str], bool]:
    """As ``known_names``, of code that was read already."""
    words = {word for text in texts for word in re.findall(r"[A-Za-z][A-Za-z0-9_-]*", text)}
    return lambda name: PurePath(name).stem in words and PurePath(name).name == name


def _not_taken(refused: Sequence[tuple[str, str]], code: Path) -> list[str]:
    """Outputs that were refused: those with a name of the code by name, the others together."""
    known = known_names(code)
    named = [(name, reason) for name, reason in refused if known(name)][:MOST_NAMES]
    lines = [f"Not taken: {name}: {_DIGITS.sub('so many', reason)}." for name, reason in named]
    if any(not known(name) for name, _ in refused):
        lines.append("Not taken: others, whose names are not in the code and not repeated here.")
    return lines


def _ending(outcome: Outcome) -> str:
    if outcome.stopped:
        return f"Stopped ({outcome.stopped}): {outcome.detail if outcome.stopped != 'setup' else 'it did not start'}."
    if outcome.exit_code and outcome.exit_code > 128:
        number = outcome.exit_code - 128
        why = f" ({_SIGNALS[signal.Signals(number)]})" if number in _SIGNALS else ""
        return f"Ended by signal {number}{why} after {outcome.seconds:.1f} seconds."
    return f"Ended with exit code {outcome.exit_code} after {outcome.seconds:.1f} seconds."


def _python_error(log: str, code: Path) -> list[str]:
    if _TRACEBACK in log:
        trace = log[log.rindex(_TRACEBACK) + len(_TRACEBACK) :]
    else:  # a syntax error has no traceback line
        found = _FRAME.search(log)
        if found is None:
            return []
        trace = log[found.start() :]
    frames = []
    for name, number in _FRAME.findall(trace):
        path = code / name
        if path.is_file() and code in path.resolve().parents and int(number) <= _length(path):
            frames.append(f"  {name}, line {number}")
    names = [found.rpartition(".")[2] for found in _LAST_LINE.findall(trace)]
    kind = next((name for name in reversed(names) if name in _KNOWN_ERRORS), "")
    numbers = _ERRNO.findall(trace)
    if numbers and int(numbers[-1]) in _LIMITS_MET:
        kind = f"{kind} ({_LIMITS_MET[int(numbers[-1])]})"
    return (
        [f"Error: {kind or 'an error of its own'}, at", *frames[-8:]]
        if frames
        else [f"Error: {kind}"]
        if kind
        else []
    )


def _sql_error(log: str, code: Path) -> list[str]:
    found = _STATEMENT.search(log)
    if found is None:
        return []
    statement, line, kind = found.groups()
    if not any(int(line) <= _length(path) for path in code.glob("*.sql")):
        return []
    kind = kind if kind in _KNOWN_ERRORS else "an error of its own"
    return [f"Error: {kind}, in statement {int(statement)}, which begins on line {int(line)}"]


def _r_error(log: str, code: Path) -> list[str]:
    found = _EXPRESSION.search(log)
    if found is None:
        return []
    line, kind = int(found.group(1)), found.group(2)
    if not any(line <= _length(path) for path in code.rglob("*.[Rr]")):
        return []
    kind = "SyntaxError" if kind == "SyntaxError" else "an error"
    return [f"Error: {kind}, in the expression that begins on line {line}"]


def _length(path: Path) -> int:
    return path.read_bytes().count(b"\n") + 1
