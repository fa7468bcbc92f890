"""The simple form of a cohort, in which scopes may be signed: read strictly from JSON or YAML, and a definition in the
end, as every other form is."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from lockgate.cohorts.definition import (
    CodeItem,
    ConceptItem,
    ConceptSet,
    Counted,
    Criterion,
    Definition,
    Demographic,
    Group,
    In,
    Interval,
)
from lockgate.cohorts.definition import Rule as DefinitionRule
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine
from lockgate.engine.omop import OmopFolder
from lockgate.errors import UsageError

ConceptId = Annotated[int, Field(ge=0, le=2**62, strict=True)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class SourceCode(_Part):
    """A code as the source wrote it, in an OMOP vocabulary such as ICD10 or SNOMED."""

    vocabulary: Code
    code: Code


class Events(_Part):
    """People with at least one event of these concepts, their descendants, or these source codes."""

    events: Literal[
        "condition_occurrence",
        "drug_exposure",
        "procedure_occurrence",
        "device_exposure",
        "measurement",
        "observation",
        "visit_occurrence",
        "visit_detail",
    ]
    concepts: tuple[ConceptId, ...] = ()
    descendants: bool = False
    source_codes: tuple[SourceCode, ...] = ()

    @model_validator(mode="after")
    def _names_something(self) -> Events:
        if not self.concepts and not self.source_codes:
            raise ValueError("name at least one concept or source code")
        return self


class Years(_Part):
    """Years, both included; an open end is left out."""

    start: Annotated[int, Field(ge=1850, le=2200, strict=True)] | None = Field(default=None, alias="from")
    to: Annotated[int, Field(ge=1850, le=2200, strict=True)] | None = None

    @model_validator(mode="after")
    def _forwards(self) -> Years:
        if self.start is None and self.to is None:
            raise ValueError("name at least one end of the years")
        if self.start is not None and self.to is not None and self.to < self.start:
            raise ValueError("the years end before they begin")
        return self


class BirthYear(_Part):
    """People born in these years."""

    birth_year: Years


class Sex(_Part):
    """People whose recorded sex is one of these concepts (8507 male, 8532 female, 0 not known)."""

    sex: Annotated[tuple[ConceptId, ...], Field(min_length=1)]


Rule = Events | BirthYear | Sex


class Cohort(_Part):
    """The people for whom every rule holds."""

    all: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=100)]

    @classmethod
    def read(cls, text: str | bytes) -> Cohort:
        """A cohort from JSON or YAML; UsageError names the place of what is unknown, empty or wrong."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        try:
            value: Any = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError) as error:
            raise UsageError("the cohort is neither JSON nor YAML", remedy="mend its syntax") from error
        return cls.of(value)

    @classmethod
    def of(cls, value: Any) -> Cohort:
        """A cohort from JSON values; UsageError as for ``read``."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            reasons = sorted(
                {f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()}
            )
            raise UsageError(
                "the cohort can't be understood: " + "; ".join(reasons),
                remedy='write it as {"all": [{"events": TABLE, "concepts": [ID]}, {"birth_year": {"from": YEAR}}]}',
            ) from error

    def tables(self) -> tuple[str, ...]:
        """The release tables that the rules read."""
        named = [
            "person",
            "observation_period",
            "concept",
            *(rule.events for rule in self.all if isinstance(rule, Events)),
        ]
        if any(isinstance(rule, Events) and rule.descendants for rule in self.all):
            named.append("concept_ancestor")
        return tuple(dict.fromkeys(named))

    def describe(self) -> str:
        """The cohort in a sentence."""
        return "people with " + ", and ".join(_in_words(rule) for rule in self.all)

    @property
    def definition(self) -> Definition:
        """What it says, of people who are taken to be observed always."""
        return Definition(
            entry=(Criterion("observation_period"),),
            entry_limit="first",
            rules=tuple(DefinitionRule(_in_words(rule), _group(rule)) for rule in self.all),
        )

    def people(self, folder: OmopFolder) -> pa.Table:
        """Everybody of the person table for whom every rule holds, each once: a column person_id.

        A code that the vocabulary doesn't have is nobody's here.
        """
        with Engine() as engine:
            open_omop(engine, folder)
            engine.execute(_ALWAYS_OBSERVED)
            rows = generate(engine, [(1, self._of(engine).definition)])
        return pa.table({"person_id": np.unique(rows.column("subject_id").to_numpy()).astype(np.int64)})

    def _of(self, engine: Engine) -> Cohort:
        """The cohort without the codes that the vocabulary doesn't have."""
        named = {code for rule in self.all if isinstance(rule, Events) for code in rule.source_codes}
        known = {
            code
            for code in named
            if engine.rows(
                "SELECT 1 FROM concept WHERE vocabulary_id = ? AND concept_code = ? LIMIT 1",
                [code.vocabulary, code.code],
            )
        }
        rules = tuple(
            rule.model_copy(
                update={"source_codes": tuple(code for code in rule.source_codes if code in known)}
            )
            if isinstance(rule, Events)
            else rule
            for rule in self.all
        )
        return self.model_copy(update={"all": rules})


# such a cohort asks of people, and of whatever happened to them whenever
_ALWAYS_OBSERVED = (
    "CREATE OR REPLACE VIEW observation_period AS SELECT person_id, person_id AS observation_period_id, "
    "DATE '1000-01-01' AS observation_period_start_date, DATE '3000-01-01' AS observation_period_end_date, "
    "CAST(NULL AS BIGINT) AS period_type_concept_id FROM person"
)


def _group(rule: Rule) -> Group:
    if isinstance(rule, Sex):
        return Group("all", demographics=(Demographic((("Gender", In(rule.sex)),)),))
    if isinstance(rule, BirthYear):
        years = rule.birth_year
        low = -np.inf if years.start is None else float(years.start)
        high = np.inf if years.to is None else float(years.to)
        return Group("all", demographics=(Demographic((("LockgateBirthYear", Interval(low, high)),)),))
    coded: ConceptSet = tuple(CodeItem(code.vocabulary, code.code) for code in rule.source_codes)
    named: ConceptSet = tuple(ConceptItem(concept, rule.descendants) for concept in rule.concepts)
    event = Criterion(rule.events, named + coded, coded or None, either=bool(coded))
    return Group("all", counted=(Counted(event, "at_least", 1, outside_observation=True),))


def _in_words(rule: Rule) -> str:
    if isinstance(rule, Sex):
        return f"sex in concepts {', '.join(map(str, rule.sex))}"
    if isinstance(rule, BirthYear):
        years = rule.birth_year
        if years.start is not None and years.to is not None:
            return f"birth in {years.start} to {years.to}"
        return (
            f"birth in {years.start} or later"
            if years.start is not None
            else f"birth in {years.to} or earlier"
        )
    named = [str(concept) + (" or below" if rule.descendants else "") for concept in rule.concepts]
    named += [f"{code.vocabulary} {code.code}" for code in rule.source_codes]
    return f"a row of {rule.events} with {' or '.join(named)}"
