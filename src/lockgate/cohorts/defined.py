"""A cohort of a scope that is told by a full definition: what was built in Explore, or brought from ATLAS."""

from __future__ import annotations

import json
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.cohorts.reads import reads
from lockgate.engine import Engine
from lockgate.engine.omop import OmopFolder
from lockgate.errors import LockgateError
from lockgate.schema import RELEASE

_ALWAYS = (
    "person",
    "observation_period",
    "visit_occurrence",
    "provider",
    "care_site",
    "concept",
    "concept_ancestor",
    "concept_relationship",
)


class Defined(BaseModel):
    """The people who are ever in the cohort of a definition, a Circe expression; its name and version.

    ``question``: the entry of the ledger of questions that says how many they are, where it was asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(max_length=200)]
    version: int = Field(ge=1, strict=True)
    circe: dict[str, Any]
    question: int | None = Field(default=None, ge=1, strict=True)

    @field_validator("circe")
    @classmethod
    def _is_understood(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            read_circe(json.dumps(value), "circe")
        except LockgateError as error:
            raise ValueError(f"{error.where}: {error.message}") from error
        return value

    @property
    def definition(self) -> Definition:
        """What the expression says."""
        return read_circe(json.dumps(self.circe), self.name)

    def tables(self) -> tuple[str, ...]:
        """The release tables that the definition reads."""
        named = {*_ALWAYS, *(name.partition(".")[0] for name in reads(self.definition))}
        return tuple(sorted(named & RELEASE.keys()))

    def describe(self) -> str:
        """The cohort in a sentence."""
        return f"people of the cohort {self.name}, version {self.version}"

    def people(self, folder: OmopFolder) -> pa.Table:
        """Everybody who is ever in it, each once: a column person_id."""
        with Engine() as engine:
            open_omop(engine, folder)
            rows = generate(engine, [(1, self.definition)])
        return pa.table({"person_id": np.unique(rows.column("subject_id").to_numpy()).astype(np.int64)})
