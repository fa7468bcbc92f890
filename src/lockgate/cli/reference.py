"""The reference pages, written from the code so that they can't say anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import typer.main
from pydantic import BaseModel

from lockgate.capture.reasons import as_markdown
from lockgate.cli import COMMANDS, GLOBALS, _app
from lockgate.cli.markdown import NOTE
from lockgate.cli.markdown import table as _table
from lockgate.cli.reference_contracts import contract_language, shipped_contracts
from lockgate.cli.reference_routes import routes
from lockgate.cli.reference_satre import satre
from lockgate.curate.sqltext import sql_names
from lockgate.engine.portable import portable_sql
from lockgate.portal.accounts.rules import PERMISSIONS, ROLES
from lockgate.portal.applications.states import STATES, TRANSITIONS
from lockgate.schema import COMMON, LINKED, OMOP, STAGED, VOCABULARY_TABLES, Tables
from lockgate.site.config import SiteConfig


def commands() -> str:
    """Every command with its arguments and options."""
    root: Any = typer.main.get_command(_app(list(COMMANDS)))
    parts = [
        NOTE,
        "# Commands\n",
        f"{GLOBALS}\n",
        "Exit codes: 0 done, 1 refused by a gate or findings, 2 wrong use.\n",
    ]
    for name, command in root.commands.items():
        parts.append(f"## lockgate {name}\n")
        if not hasattr(command, "commands"):
            parts += _command(f"lockgate {name}", command, heading=False)
            continue
        if command.invoke_without_command:
            parts += _command(f"lockgate {name}", command, heading=False)
        else:
            parts.append(f"{COMMANDS[name][1]}\n")
        for child_name, child in command.commands.items():
            parts += _command(f"lockgate {name} {child_name}", child, heading=True)
    return "\n".join(parts)


def _command(path: str, command: Any, *, heading: bool) -> Iterator[str]:
    if heading:
        yield f"### {path}\n"
    yield f"{(command.help or '').strip()}\n"
    rows: list[list[object]] = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        argument = parameter.param_type_name == "argument"
        spelt = parameter.name.upper() if argument else ", ".join(parameter.opts)
        default = parameter.default
        shown = "required" if parameter.required else "" if default in (None, False, "") else f"`{default}`"
        rows.append([f"`{spelt}`", getattr(parameter, "help", "") or "", shown])
    if rows:
        yield _table(["argument", "meaning", "default"], rows)


def site_toml() -> str:
    """Every setting of ``site.toml``."""
    parts = [
        NOTE,
        "# site.toml\n",
        "What a site is called and the policies it runs under. Unknown settings are refused.\n",
    ]
    for section, field in SiteConfig.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        parts += [f"## [{section}]\n", f"{(model.__doc__ or '').strip()}\n"]
        properties = model.model_json_schema()["properties"]
        required = set(model.model_json_schema().get("required", []))
        rows: list[list[object]] = []
        for name, spec in properties.items():
            kind = (
                " or ".join(f"`{value}`" for value in spec["enum"])
                if "enum" in spec
                else spec.get("type", "")
            )
            limits = ", ".join(
                f"{word} {spec[key]}"
                for key, word in (("minimum", "at least"), ("maximum", "at most"))
                if key in spec
            )
            default = "required" if name in required else f"`{json.dumps(spec.get('default'))}`"
            rows.append(
                [f"`{name}`", kind, default, "; ".join(x for x in (spec.get("description", ""), limits) if x)]
            )
        parts.append(_table(["setting", "type", "default", "meaning"], rows))
    return "\n".join(parts)


def _columns(tables: Tables, *, roles: bool) -> Iterator[str]:
    for name, columns in tables.items():
        yield f"## {name}\n"
        rows: list[list[object]] = [
            [
                f"`{column.name}`",
                column.type,
                *([f"`{column.role}`", "yes" if column.required else ""] if roles else []),
            ]
            for column in columns
        ]
        yield _table(["column", "type", *(["role", "required"] if roles else [])], rows)


def release_tables() -> str:
    """The tables of a release."""
    made = {*sql_names("omop"), *sql_names("linked")}
    clinical = {name: columns for name, columns in OMOP.items() if name in made}
    linked = {name: columns for name, columns in LINKED.items() if name in made}
    vocabulary = {name: OMOP[name] for name in VOCABULARY_TABLES}
    roles = [
        [
            "`key:DOMAIN`",
            "an identifier; re-keyed for every project, so that two projects' rows can't be joined",
        ],
        ["`concept`", "an OMOP concept id"],
        ["`date`", "a date or time; generalised or shifted as the scope says"],
        ["`number`", "a measured or counted value"],
        ["`code`", "a source code or a short category"],
        ["`text`", "free text, scrubbed of identifiers"],
        ["`place`", "a place, generalised"],
        ["`quasi`", "a quasi-identifier: harmless alone, telling in combination"],
        ["`label`", "vocabulary: open"],
        ["`internal`", "a release has it for the making of workspaces, and no scope can ask for it"],
        ["`withheld`", "always NULL in a release, and no scope can ask for it"],
    ]
    return "\n".join(
        [
            NOTE,
            "# Tables of a release\n",
            "A release is a folder `releases/YEAR.N/` with `omop/TABLE.parquet`, `linked/TABLE.parquet` and "
            "`manifest.json`. A workspace holds the tables its scope allows, by the same names, side by side.\n",
            "Every column has a role, which decides what happens to it on its way to a project:\n",
            _table(["role", "meaning"], [list(row) for row in roles]),
            "# OMOP CDM 5.4\n",
            *_columns(clinical, roles=True),
            "# Linked tables\n",
            *_columns(linked, roles=True),
            "# Vocabulary tables\n",
            *_columns(vocabulary, roles=True),
        ]
    )


def staged_tables() -> str:
    """The staged model."""
    return "\n".join(
        [
            NOTE,
            "# The staged model\n",
            "What every source becomes before it is linked, de-identified and curated: one shape whatever the source. "
            "Identifiable, and never outside `staged/`.\n",
            "Every table begins with these columns:\n",
            _table(["column", "type"], [[f"`{column.name}`", column.type] for column in COMMON]),
            *_columns(STAGED, roles=False),
        ]
    )


def quarantine() -> str:
    """Why a record is held back."""
    intro = (
        "A raw item that can't be trusted is kept whole in the quarantine with its file, its line and one of these "
        "reasons; the rest of the batch goes on. `lockgate capture quarantine list` counts them.\n"
    )
    return "\n".join([NOTE, "# Reasons of the quarantine\n", intro, as_markdown().rstrip() + "\n"])


def permissions() -> str:
    """Who may do what in the portal, and the states of an application."""
    roles = list(ROLES)
    matrix: list[list[object]] = [
        [f"`{action}`", *("yes" if role in allowed else "" for role in roles)]
        for action, allowed in PERMISSIONS.items()
    ]
    moves: list[list[object]] = [
        [STATES[state], happening, STATES[follows]] for (state, happening), follows in TRANSITIONS.items()
    ]
    return "\n".join(
        [
            NOTE,
            "# Permissions and states\n",
            "A person may do it with any one of the roles that say yes. On top of this stand the rules about the thing "
            "itself: nobody decides on an application they wrote, are named in or declared an interest in; each role "
            "of its [route](routes.md) decides through a person of its own; a data owner decides on the source they "
            "own; and nobody reviews their own request or reviews it twice.\n",
            _table(["action", *(ROLES[role] for role in roles)], matrix),
            "## States of an application, and of an amendment\n",
            _table(["from", "when", "to"], moves),
        ]
    )


def portable_sql_page() -> str:
    """What the SQL of curation may say."""
    told = portable_sql()

    def code(value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return f"`{text}`" if text else "the empty string"

    def shown(value: object) -> str:
        return code(
            "".join(f"\\x{ord(c):02X}" if c < " " else c for c in value) if isinstance(value, str) else value
        )

    return "\n".join(
        [
            NOTE,
            "# Portable SQL\n",
            "Curation is written once, in the dialect of DuckDB, and runs there and on Spark. The tests asked both",
            "what stands here, and both gave this answer.\n",
            _table(
                ["SQL", "answer"],
                [[code(item["sql"]), shown(item["is"])] for item in [*told["values"], *told["rows"]]],
            ),
            "\n## What the two answer differently\n",
            _table(
                ["SQL", "DuckDB", "Spark", "instead"],
                [
                    [code(item["sql"]), shown(item["duckdb"]), shown(item["spark"]), item["instead"]]
                    for item in told["differ"]
                ],
            ),
            "\n## What is refused\n",
            _table(["SQL", "instead"], [[code(item["sql"]), item["instead"]] for item in told["refused"]]),
            "",
        ]
    )


PAGES: dict[str, Callable[[], str]] = {
    "contract-language.md": contract_language,
    "contracts.md": shipped_contracts,
    "commands.md": commands,
    "site-toml.md": site_toml,
    "release-tables.md": release_tables,
    "staged-tables.md": staged_tables,
    "quarantine.md": quarantine,
    "permissions.md": permissions,
    "routes.md": routes,
    "portable-sql.md": portable_sql_page,
    "satre.md": satre,
}
