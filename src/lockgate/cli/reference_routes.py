"""The reference page of the routes: who decides on what, from the file that Lockgate comes with."""

from __future__ import annotations

from collections.abc import Iterable

from lockgate.cli.markdown import NOTE
from lockgate.cli.markdown import table as _table
from lockgate.portal.accounts.rules import role_label
from lockgate.workspace.routes import standard, standard_text
from lockgate.workspace.routes.model import When

INTRO = (
    "Who must decide on a use of data, as Lockgate comes. The rules are data: a site puts a file of its own in its "
    'folder and names it in `site.toml` (`[portal] routes = "routes.yaml"`). It is read and checked as a whole; a file '
    "that contradicts itself is refused with the place. Beside these the owner of each partner's data always decides. "
    "Each role decides through a person of its own, none of them the applicant, a member of the project, or somebody "
    "who declared an interest in it. The signed scope names everybody whom the route asked for, and isn't issued "
    "without them.\n"
)
AMENDING = (
    "Those whom the changed answers concern, and whoever a step above newly asks for. Answers not named here: all of "
    "the route. What was approved before by people who still have no part in the project holds.\n"
)
FAST = (
    "An application that fits one of these in every line is approved when it is handed in, by rule; the decision "
    "record and the register say by which and why. `[portal] fast_path` in `site.toml` names those that the site has "
    "agreed to; without it none is used, and all on a demonstration site. The data plane checks the scope "
    "against the same rule before it signs.\n"
)


def routes() -> str:
    """Who decides, whose advice is needed, who decides on amendments, and what is agreed beforehand."""
    found = standard()
    decide: list[list[object]] = [
        [f"`{step.name}`", _when(step.when), _roles(step.roles), step.because] for step in found.decide
    ]
    advise: list[list[object]] = [
        [f"`{step.name}`", _when(step.when), _roles(step.roles), step.because] for step in found.advise
    ]
    sources: list[list[object]] = [
        [f"`data_owner:{name}`", source.label, _codes(source.tables)]
        for name, source in found.sources.items()
    ]
    changed: list[list[object]] = [[_codes(rule.questions), _roles(rule.roles)] for rule in found.amendments]
    fast: list[list[object]] = [
        [f"`{path.name}`", path.because, _within(path.within.model_dump(exclude_defaults=True))]
        for path in found.fast_path
    ]
    return "\n".join(
        [
            NOTE,
            "# Routes\n",
            INTRO,
            "## Who decides\n",
            _table(["step", "when", "who", "because"], decide),
            "## Owners of linked sources\n",
            f"Nobody's: {_codes(found.open)}.\n",
            _table(["role", "source", "tables"], sources),
            "## Whose advice must be there first\n",
            "`[portal] panel` in `site.toml` adds kinds of use.\n",
            _table(["step", "when", "who", "because"], advise),
            "## Who decides on an amendment\n",
            AMENDING,
            _table(["changed answers", "who"], changed),
            "## Agreed beforehand: the fast path\n",
            FAST,
            _table(["name", "what", "may ask for, at most"], fast),
            "## Warnings\n",
            f"Access that ends: {_days(found.warnings.ends)} before. A condition: {_days(found.warnings.condition)} "
            "before its day.\n",
            "## The file\n",
            f"```yaml\n{standard_text()}```\n",
        ]
    )


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _roles(roles: Iterable[str]) -> str:
    words = {"route": "all of the route", "data_owner": "the owner of each linked source"}
    return ", ".join(words.get(role) or role_label(role).lower() for role in roles)


def _days(steps: Iterable[int]) -> str:
    return ", ".join(str(step) for step in steps) + " days"


def _when(when: When | None) -> str:
    if when is None:
        return "always"
    lines = []
    for name, value in when.model_dump(exclude_defaults=True).items():
        if value is True:
            lines.append(name)
        elif isinstance(value, int):
            lines.append(f"{name.replace('_', ' ')} {value}")
        else:
            lines.append(f"{name.replace('_', ' ')}: {' or '.join(f'`{item}`' for item in value)}")
    return "; ".join(lines)


def _within(parts: dict[str, object]) -> str:
    lines = []
    for name, value in parts.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            lines.append("; ".join(f"`{table}`: {', '.join(names)}" for table, names in value.items()))
        elif isinstance(value, tuple):
            lines.append(f"{label}: {', '.join(str(item) for item in value)}")
        else:
            lines.append(label if value is True else f"{label}: {value}")
    return "<br>".join(lines)
