"""The ``lockgate`` command: thin commands over the rooms of the package.

Each command lives in the module of its name and is imported only when it is called, so that ``lockgate --help``
stays quick. ``--site`` and ``--json`` are accepted anywhere on the line. Exit codes: 0 done, 1 refused by a gate or
findings, 2 wrong use.
"""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from pathlib import Path

import typer

from lockgate.cli.common import console, errors, fail, state
from lockgate.errors import LockgateError, UsageError

# name -> (module of lockgate.cli, what it is for); the order of the help.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Walk the whole path on a synthetic hospital, gate by gate."),
    "init": ("init", "Make a new site."),
    "doctor": ("doctor", "Test that this machine and site may hold real data."),
    "synthetic": ("synthetic", "Write a synthetic UK hospital in the formats that sources send."),
    "capture": ("capture", "Take in records: FHIR folders and tables by contract."),
    "upgrade": ("upgrade", "Bring a site of an earlier version to this one."),
    "contract": ("contract", "Write, check and show what tables of other systems look like."),
    "index": ("index", "Say which records are of the same person."),
    "link": ("link", "Find records of one person in two tables, or in one: link LEFT [RIGHT]."),
    "partner": ("partner", "Link with another organisation, under a scope that permits it."),
    "federation": (
        "federation",
        "Belong to a federation of sites: rules, signed statements, members, joined registers.",
    ),
    "vocabulary": ("vocabulary", "Load and show OMOP vocabularies."),
    "release": ("release", "Build, list, show, verify and compare releases."),
    "catalogue": ("catalogue", "Describe a release for the public: metadata, dictionary, coverage."),
    "trace": ("trace", "From a released row back to what was sent, and forward again."),
    "scrub": ("scrub", "Take identifiers out of notes."),
    "scrub-model": ("scrub_model", "Train a model that reads identifiers beside the scrubber's rules."),
    "scrub-engine": ("scrub_engine", "Compile the scrubber's rules to C: the same answers, quicker."),
    "annotate": (
        "annotate",
        "Find what notes say: terms, numbers, and whether they are denied, past or of others.",
    ),
    "feedback": ("feedback", "Group patients' comments into themes; train and judge the model."),
    "patient": (
        "patient",
        "Codes for patients, who see with them which projects used their record, and may object.",
    ),
    "optout": ("optout", "Take in opt-outs, apply them everywhere, list what was derived before."),
    "risk": ("risk", "Say how easily people could be singled out in a table."),
    "keys": ("keys", "Show and rotate the keys that pseudonyms are made with."),
    "reidentify": (
        "reidentify",
        "Find out who one person is, for their safety: two people, a reason, a day.",
    ),
    "quality": ("quality", "Check the quality of OMOP tables: OHDSI's checks and a site's own."),
    "cohort": ("cohort", "Generate cohorts from OHDSI's definitions on a folder of OMOP tables."),
    "library": ("library", "Keep definitions and code lists by name, in versions: add, import, search."),
    "characterise": (
        "characterise",
        "Characterise a data set: the analyses of OHDSI Achilles, compared over time.",
    ),
    "scope": ("scope", "Show, verify and revoke what a project may see."),
    "workspace": ("workspace", "Provision a project's data from its signed scope."),
    "twin": ("twin", "Make a synthetic twin of a release or project, and run code against it."),
    "job": ("job", "Run a project's code in the sandbox."),
    "environment": ("environment", "Prepare pinned packages for jobs from a lock file."),
    "notebook": ("notebook", "JupyterLab in the sandbox: prepare it, serve it, list and stop notebooks."),
    "check": ("check", "Check outputs for disclosure, and repair them."),
    "portal": ("portal", "Accounts, applications and the control database."),
    "remote": (
        "remote",
        "A portal elsewhere by its API: sign in with a token, call any operation, run jobs.",
    ),
    "serve": ("serve", "Serve the portal's pages."),
    "worker": ("worker", "Run queued work of the portal."),
    "backup": ("backup", "Copy the whole site while it is in use, check the copy, make a site of it."),
    "audit": ("audit", "Read and verify the audit chain."),
    "bench": ("bench", "Measure speed against peers and limits, with correctness checked."),
    "docs": ("docs", "Write the reference pages that are generated from the code."),
}

GLOBALS = "Every command also takes --site DIR (or LOCKGATE_SITE; default: this folder) and --json (one JSON object)."


def _app(names: list[str], *, listed: bool = False) -> typer.Typer:
    """The commands of these names; with ``listed`` what they are for alone, for a list of them: nothing is imported."""
    app = typer.Typer(
        name="lockgate",
        help="A trusted research environment: from the patient record to the safe result.",
        epilog=GLOBALS,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )

    @app.callback()
    def root() -> None:
        """A trusted research environment: from the patient record to the safe result."""

    for name in names:
        module_name, summary = COMMANDS[name]
        if listed:
            app.command(name, short_help=summary)(lambda: None)
            continue
        module = import_module(f"lockgate.cli.{module_name}")
        if hasattr(module, "app"):
            for info in module.app.registered_commands:
                info.epilog = GLOBALS
            app.add_typer(module.app, name=name, help=summary, epilog=GLOBALS, no_args_is_help=True)
        else:
            app.command(name, help=module.command.__doc__, short_help=summary, epilog=GLOBALS)(module.command)
    return app


def _globals(arguments: list[str]) -> list[str]:
    """Take ``--json``, ``--site`` and ``--version`` out of the arguments, wherever they stand."""
    rest: list[str] = []
    state.site, state.json = None, False
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*rest, word, *words]
        if word == "--json":
            state.json = True
        elif word == "--site":
            value = next(words, None)
            if value is None:
                raise UsageError("--site needs a folder", remedy="lockgate --site DIR COMMAND")
            state.site = Path(value)
        elif word.startswith("--site="):
            state.site = Path(word.removeprefix("--site="))
        else:
            rest.append(word)
    return rest


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code. Nothing is raised for a user's mistake."""
    try:
        rest = _globals(arguments)
        if rest and rest[0] in ("--version", "-V"):
            from lockgate import __version__

            console.print(f"lockgate {__version__}")
            return 0
        known = bool(rest) and rest[0] in COMMANDS
        app = _app([rest[0]] if known else list(COMMANDS), listed=not known)
        result = app(rest, standalone_mode=True, prog_name="lockgate")
    except LockgateError as error:
        return fail(error)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except KeyboardInterrupt:
        errors.print("Stopped. What was finished is kept; run the same command again to go on.")
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return fail(_disk_full(error.filename))
    except Exception as error:
        # DuckDB tells a full disk by its words alone
        if "No space left on device" not in str(error):
            raise
        return fail(_disk_full(None))
    return result if isinstance(result, int) else 0


def _disk_full(place: object) -> LockgateError:
    return LockgateError(
        "the disk is full; nothing that was begun is visible",
        where=str(place or ""),
        remedy="make room, then run the same command again",
    )


def main() -> None:
    """The entry point of the ``lockgate`` script."""
    sys.exit(run(sys.argv[1:]))


__all__ = ["COMMANDS", "main", "run"]
