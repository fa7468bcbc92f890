"""Why a raw item is held back: every reason, what it means and what to do (reasons.yaml)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import yaml


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of quarantine. ``retried``: a later capture may stage the item without anyone's help."""

    code: str
    meaning: str
    remedy: str
    retried: bool = False


def _load() -> dict[str, Reason]:
    text = resources.files(__package__).joinpath("reasons.yaml").read_text(encoding="utf-8")
    return {code: Reason(code=code, **spec) for code, spec in yaml.safe_load(text).items()}


REASONS = _load()


def as_markdown() -> str:
    """The table of the reference page."""
    lines = ["| reason | meaning | what to do |", "|---|---|---|"]
    lines += [f"| `{reason.code}` | {reason.meaning} | {reason.remedy} |" for reason in REASONS.values()]
    return "\n".join(lines) + "\n"
