"""``site.toml``, of the data: the site, what is captured, who is who, and what a release is like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from lockgate.site.settings.section import Section


class SiteSection(Section):
    """Who runs the site."""

    name: str = Field(min_length=1, max_length=200)
    ods_code: str = Field(default="", max_length=20)
    timezone: str = "Europe/London"
    demo: bool = False

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        from lockgate.site.zones import time_zones

        if value not in time_zones():
            raise ValueError(f"{value!r} is no IANA time zone, such as 'Europe/London'")
        return value


class EngineSection(Section):
    """Where the SQL of curation runs."""

    engine: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: str = Field(default="", description="such as '8GB'; empty: most of the machine's")
    threads: int = Field(default=0, ge=0, description="0: every core")
    spark_master: str = Field(
        default="local[*]", min_length=1, description="Spark's master; local[*]: every core of this machine"
    )
    spark_settings: dict[str, str] = Field(
        default_factory=dict, description='Spark\'s own, such as {"spark.executor.memory" = "16g"}'
    )


class CaptureSection(Section):
    """What a source's record must have to be staged."""

    missing_encounter: Literal["quarantine", "stage"] = Field(
        default="quarantine",
        description="a record of a known patient whose encounter has not come: hold it back, or stage it without",
    )


class AccessSection(Section):
    """Who may look at identifiable records by hand."""

    trace: list[str] = Field(
        default_factory=list,
        description="users of the machine who may run `lockgate trace`; empty: only the one who owns the site",
    )


class IdentitySection(Section):
    """Who is who: what the patient index does with records that the exact steps leave alone."""

    probabilistic: bool = Field(
        default=True,
        description="score what is left with the site's model, once `lockgate index train` has made one",
    )
    link_at: float = Field(
        default=0.95, gt=0.5, lt=1, description="the model links two records from this probability on"
    )
    certain: float = Field(
        default=0.995,
        gt=0.5,
        lt=1,
        description="links of the model below this are listed for clerical review too",
    )
    review_from: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="pairs from this probability on, not linked, are listed for review",
    )
    train_from: int = Field(
        default=500, ge=50, description="with fewer records that were linked exactly, no model is estimated"
    )
    one_record_each: list[str] = Field(
        default_factory=list,
        description="sources with one record for each person: the model never joins two of their records",
    )


class CurateSection(Section):
    """How sources that tell of the same thing are settled."""

    source_priority: list[str] = Field(
        default_factory=list,
        description="sources, the most trusted first: what two tell alike is carried from the first; others by name",
    )


class DeidentifySection(Section):
    """What a release keeps of dates and places."""

    birth_date: Literal["year", "month"] = "year"
    event_dates: Literal["exact", "month"] = "exact"
    top_age: int = Field(default=90, ge=60, le=120)
    ner_model: str = Field(
        default="",
        max_length=500,
        description="a spaCy model (package or folder) that reads names in texts beside the rules; needs the extra ner",
    )
    places: Literal["region", "outward", "lsoa"] = Field(
        default="region",
        description="the finest place a release holds, for scopes that are given it: the integrated care board, the"
        " outward code of the postcode, or the small area too",
    )
    notes: Literal["tags", "dates", "surrogates"] = Field(
        default="tags",
        description="what a release keeps beside its notes, for scopes that are given it: nothing; the dates that tags"
        " stand for, as event_dates says; or also the kind and shape of identifiers, from which surrogates are drawn",
    )


class ConceptsSection(Section):
    """What is read out of notes (docs/how-to/annotate.md)."""

    notes: bool = Field(default=True, description="read the scrubbed notes of each release into note_nlp")
    domains: list[str] = Field(
        default_factory=lambda: ["Condition", "Procedure", "Drug"],
        description="domains of the site's vocabulary whose names are looked for",
    )
    vocabularies: list[str] = Field(
        default_factory=lambda: ["SNOMED", "RxNorm", "RxNorm Extension", "OMOP Extension", "dm+d"],
        description="vocabularies whose names are looked for; their mappings lead to the standard concepts",
    )
    dictionaries: list[str] = Field(
        default_factory=list,
        description="files of terms of the site's own, in its folder: CSV (term,concept_id,code) or OBO, such as HPO's",
    )


class RiskSection(Section):
    """How easily somebody may be singled out in a release or a workspace (docs/how-to/risk.md)."""

    gate: Literal["off", "refuse"] = Field(
        default="off", description="refuse: nothing over the policy is released or provisioned"
    )
    k: int = Field(default=5, ge=2, description="people who agree in all quasi-identifiers form a class")
    share: float = Field(
        default=0.05, ge=0, le=1, description="the share of people who may be in classes smaller than k"
    )


class QualitySection(Section):
    """The data quality checks of a release (docs/how-to/quality.md)."""

    checks: bool = Field(default=True, description="run the checks on each release that is built")
    gate: Literal["off", "refuse"] = Field(
        default="off", description="refuse: nothing is released when a check of the policy fails"
    )
    severities: list[Literal["fatal", "convention", "characterization"]] = Field(
        default_factory=lambda: ["fatal"],  # type: ignore[arg-type]
        description="the policy: a failed check of these severities refuses the release",
    )
    must_pass: list[str] = Field(
        default_factory=list,
        description="the policy: check types, ids or own checks that must pass whatever their severity",
    )
    accepted: list[str] = Field(
        default_factory=lambda: ["table_cdmtable_cohort", "table_cdmtable_cohort_definition"],
        description="check types or ids whose failure is known and does not refuse a release; as it comes: the tables"
        " that studies make",
    )


class CatalogueSection(Section):
    """What the catalogue says of the site's data, beside what is counted (HDR UK metadata 4.0.0)."""

    title: str = Field(default="", max_length=150, description="empty: the site's name and what it is")
    abstract: str = Field(
        default="", max_length=500, description="empty: a sentence made from the site's name"
    )
    contact: str = Field(default="", max_length=200, description="e-mail address for questions of access")
    identifier: str = Field(
        default="", max_length=50, description="of the organisation, such as its ROR; empty: its ODS code"
    )
    access_rights: str = Field(default="", max_length=1000, description="address of the page on how to apply")
    data_controller: str = Field(default="", max_length=500, description="empty: the site's name")
    spatial: str = "United Kingdom, England"
    publishing_frequency: Literal[
        "Static", "Irregular", "Continuous", "Annual", "Quarterly", "Monthly", "Weekly", "Daily"
    ] = "Irregular"
    delivery_lead_time: Literal[
        "Less than 1 week", "1-2 weeks", "2-4 weeks", "1-2 months", "2-6 months", "Variable"
    ] = "Variable"
    json_schema: str = Field(
        default="", description="path of HDR UK's schema.json (4.0.0): every entry is then checked against it"
    )
