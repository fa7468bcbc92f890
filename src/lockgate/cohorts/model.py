"""Who is in a cohort, as data: a small frozen model that is read strictly from JSON or YAML."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from lockgate.errors import UsageError

ConceptId = Annotated[int, Field(ge=0, le=2**62, strict=True)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]

# Tables whose rows are events of a person -> (standard concept, source concept, day).
EVENTS: dict[str, tuple[str, str, str]] = {
    "condition_occurrence": ("condition_concept_id", "condition_source_concept_id", "condition_start_date"),
    "drug_exposure": ("drug_concept_id", "drug_source_concept_id", "drug_exposure_start_date"),
    "procedure_occurrence": ("procedure_concept_id", "procedure_source_concept_id", "procedure_date"),
    "device_exposure": ("device_concept_id", "device_source_concept_id", "device_exposure_start_date"),
    "measurement": ("measurement_concept_id", "measurement_source_concept_id", "measurement_date"),
    "observation": ("observation_concept_id", "observation_source_concept_id", "observation_date"),
    "visit_occurrence": ("visit_concept_id", "visit_source_concept_id", "visit_start_date"),
    "visit_detail": ("visit_detail_concept_id", "visit_detail_source_concept_id", "visit_detail_start_date"),
}


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
        named = ["person", *(rule.events for rule in self.all if isinstance(rule, Events))]
        if any(isinstance(rule, Events) and rule.descendants for rule in self.all):
            named.append("concept_ancestor")
        if any(isinstance(rule, Events) and rule.source_codes for rule in self.all):
            named.append("concept")
        return tuple(dict.fromkeys(named))

    def describe(self) -> str:
        """The cohort in a sentence."""
        return "people with " + ", and ".join(_in_words(rule) for rule in self.all)


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
