"""The policy of disclosure control, as data: per site, data set or scope."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockgate.errors import UsageError


class Rules(BaseModel):
    """What may leave. Defaults follow the cautious end of UK practice (SDAP handbook, NHS England).

    A key that isn't known, or a value of the wrong type, is an error: a misspelt rule must not pass for a rule.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    threshold: int = Field(default=10, ge=2, description="smallest count of people that may be shown")
    zeros: Literal["show", "suppress"] = Field(
        default="show", description="whether a count of nought may be shown, or is withheld as a small count"
    )
    rounding: int = Field(default=5, ge=1, description="counts are rounded to this base; 1 for none")
    dominance_n: int = Field(
        default=1, ge=1, le=2, description="n of the (n, k) rule: the n largest contributors"
    )
    dominance_k: float = Field(default=50.0, gt=0, le=100, description="k: their greatest share, per cent")
    p_percent: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="p % rule: the second largest contributor must not estimate the largest closer than this",
    )
    min_df: int = Field(default=10, ge=1, description="least residual degrees of freedom of a model")
    max_leverage: float = Field(
        default=0.5, gt=0, le=1, description="greatest say of one record in its own fitted value (leverage)"
    )
    quantile_side: int | None = Field(
        default=None, ge=1, description="people needed on each side of a quantile; none: the threshold"
    )
    class_disclosure: Literal["refuse", "review", "allow"] = Field(
        default="review", description="all members of a group in one class (100 %)"
    )
    max_dimensions: int = Field(default=4, ge=1, description="a table with more goes to a reviewer")
    max_file_bytes: int = Field(default=5_000_000, ge=1_000)
    max_rows: int = Field(default=20_000, ge=10)
    max_text_characters: int = Field(default=5_000, ge=100)

    @property
    def side(self) -> int:
        """People needed on each side of a quantile."""
        return self.threshold if self.quantile_side is None else self.quantile_side

    @property
    def coarse(self) -> Rules:
        """These rules with counts rounded to the least odd multiple of the base that is not below the threshold.

        For pages whose counts the ledger of questions doesn't hold: beside a count rounded to the base, such a count
        leaves a small difference open (docs/decisions/0214). An odd multiple, so that the steps of both meet. No count
        that is shown rounds to nought.
        """
        times = -(-self.threshold // self.rounding)
        base = self.rounding * (times + 1 - times % 2)
        return self.model_copy(update={"rounding": base, "threshold": max(self.threshold, (base + 1) // 2)})

    @classmethod
    def parse(cls, values: dict[str, Any], where: str = "output rules") -> Rules:
        """Rules from plain data (a scope's ``output_rules``, a file). Raises UsageError naming the key."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            known = ", ".join(cls.model_fields)
            remedy = f"known keys: {known}" if first["type"] == "extra_forbidden" else ""
            raise UsageError(f"{key}: {first['msg']}", where=where, remedy=remedy) from error

    @classmethod
    def load(cls, path: Path) -> Rules:
        """Rules from a YAML or JSON file. Raises UsageError naming the file and the key."""
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UsageError(
                f"can't be read as YAML ({type(error).__name__})",
                where=str(path),
                remedy="give a file of key: value",
            ) from error
        if not isinstance(values, dict):
            raise UsageError("isn't a mapping of rules", where=str(path), remedy="give a file of key: value")
        return cls.parse(values, str(path))


DEFAULT_RULES = Rules()
