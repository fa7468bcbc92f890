"""What a federation asks of its members, as a YAML file, and each rule held against a member's statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from lockgate.errors import UsageError
from lockgate.federation.statement import CRYPTOGRAPHY, EVERYBODY, Statement
from lockgate.portal.accounts.rules import ROLES
from lockgate.site.settings.section import Section


class Outputs(Section):
    """What a safe output is: the least that every member holds to."""

    threshold: int = Field(default=3, ge=3, description="no smaller count of people leaves")
    rounding: int = Field(default=1, ge=1, description="counts are rounded to this at least")
    reviewers: int = Field(default=0, ge=0, description="people who agree to what rules alone don't release")
    release_by_rule: list[Literal["never", "low-risk"]] = Field(default=["never", "low-risk"], min_length=1)


class Deidentification(Section):
    """The most that releases of members keep."""

    birth_date: list[Literal["year", "month"]] = Field(default=["year", "month"], min_length=1)
    event_dates: list[Literal["exact", "month"]] = Field(default=["exact", "month"], min_length=1)
    top_age: int = Field(default=120, ge=60, le=120)
    places: list[Literal["region", "outward", "lsoa"]] = Field(
        default=["region", "outward", "lsoa"], min_length=1
    )


class Rules(Section):
    """All that a federation asks. Unknown words are refused."""

    federation: str = Field(min_length=1, max_length=200)
    version: int = Field(ge=1)
    agreed_on: date
    statement_days: int = Field(default=92, ge=1, description="a statement older than this says nothing")
    lockgate: str = Field(
        default="0", pattern=r"^\d+(\.\d+)*$", description="the oldest version that members may run"
    )
    demonstration: bool = Field(
        default=False, description="whether sites of invented people may belong to it"
    )
    outputs: Outputs = Outputs()
    deidentification: Deidentification = Deidentification()
    training: dict[str, list[str]] = Field(
        default_factory=dict, description="role ('*': everybody) -> courses"
    )
    second_factor: list[str] = Field(default_factory=list, description="roles, or '*': everybody")
    isolation: list[Literal["bubblewrap", "namespaces"]] = Field(
        default=["bubblewrap", "namespaces"], min_length=1
    )
    cryptography: dict[str, list[str]] = Field(
        default_factory=dict, description=f"of {', '.join(CRYPTOGRAPHY)}: what is agreed on"
    )
    services: list[Literal["portal", "register", "catalogue", "incidents", "api"]] = Field(
        default_factory=list, description="what every member offers at an address"
    )

    @field_validator("training", "second_factor")
    @classmethod
    def _roles(cls, value: Any) -> Any:
        for role in value:
            if role != EVERYBODY and role not in ROLES:
                raise ValueError(f"there is no role {role!r}: '*', or of {', '.join(ROLES)}")
        return value

    @field_validator("cryptography")
    @classmethod
    def _known(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for name in value:
            if name not in CRYPTOGRAPHY:
                raise ValueError(f"{name!r} is none of {', '.join(CRYPTOGRAPHY)}")
        return value


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule held against one statement: what is asked, what the member has, and whether that will do."""

    rule: str
    asked: str
    found: str
    met: bool

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def read_rules(path: Path) -> Rules:
    """The rules of a file; UsageError, naming the place, where it can't be understood."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Rules.model_validate(raw)
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(path)) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            "is no YAML", where=str(path), remedy="docs/how-to/federate.md has an example"
        ) from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'the file'}: {item['msg']}"
            for item in error.errors()
        )
        raise UsageError(
            problems, where=str(path), remedy="docs/how-to/federate.md lists every rule"
        ) from error


def check(statement: Statement, rules: Rules, at: datetime) -> list[Finding]:
    """Every rule of a federation held against a member's statement, at a time (with its zone)."""
    try:
        return list(_findings(statement, rules, at))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            "the statement lacks what the rules ask after",
            where=statement.member,
            remedy="ask the member for a new one",
        ) from error


def _findings(statement: Statement, rules: Rules, at: datetime) -> Iterator[Finding]:
    body = statement.body
    age = at - statement.made_at
    yield Finding(
        "statement_days",
        f"at most {rules.statement_days} days old",
        f"{age.days} days" if age >= timedelta() else "made in the future",
        timedelta(minutes=-5) <= age <= timedelta(days=rules.statement_days),
    )
    yield Finding(
        "lockgate",
        f"{rules.lockgate} or newer",
        str(body["lockgate"]),
        _version(str(body["lockgate"])) >= _version(rules.lockgate),
    )
    real = body["demonstration"] is False
    yield Finding(
        "demonstration",
        "allowed" if rules.demonstration else "no",
        _yes(not real),
        real or rules.demonstration,
    )
    outputs = body["outputs"]
    for name in ("threshold", "rounding", "reviewers"):
        least, has = getattr(rules.outputs, name), int(outputs[name])
        good = has % least == 0 if name == "rounding" else has >= least
        asked = f"a multiple of {least}" if name == "rounding" else f"at least {least}"
        yield Finding(f"outputs.{name}", asked, str(has), good)
    yield _one_of("outputs.release_by_rule", rules.outputs.release_by_rule, outputs["release_by_rule"])
    kept = body["deidentification"]
    for name in ("birth_date", "event_dates", "places"):
        yield _one_of(f"deidentification.{name}", getattr(rules.deidentification, name), kept[name])
    oldest = int(kept["top_age"])
    yield Finding(
        "deidentification.top_age",
        f"at most {rules.deidentification.top_age}",
        str(oldest),
        oldest <= rules.deidentification.top_age,
    )
    for role, courses in rules.training.items():
        lacking = {
            one: missing
            for one in (ROLES if role == EVERYBODY else (role,))
            if (missing := [course for course in courses if course not in body["training"].get(one, [])])
        }
        said = "; ".join(f"{one} lacks {', '.join(missing)}" for one, missing in lacking.items())
        yield Finding(f"training.{role}", ", ".join(courses), said or "all of it", not lacking)
    for role in rules.second_factor:
        yield Finding(
            f"second_factor.{role}",
            "asked",
            ", ".join(body["second_factor"]) or "of nobody",
            EVERYBODY in body["second_factor"] or role in body["second_factor"],
        )
    yield _one_of("isolation", rules.isolation, body["isolation"])
    for name, allowed in rules.cryptography.items():
        yield _one_of(f"cryptography.{name}", allowed, body["cryptography"][name])
    for name in rules.services:
        address = str(body["services"].get(name, ""))
        yield Finding(f"services.{name}", "an address", address or "none", address.startswith("https://"))


def _one_of(rule: str, allowed: list[Any], has: Any) -> Finding:
    return Finding(rule, " or ".join(map(str, allowed)), str(has), has in allowed)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _yes(value: bool) -> str:
    return "yes" if value else "no"
