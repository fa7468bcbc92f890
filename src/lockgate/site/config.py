"""``site.toml``: what a site is called and the policies it runs under. Unknown settings are refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lockgate.errors import UsageError
from lockgate.site.hl7v2 import Hl7Section
from lockgate.site.notebooks import NotebooksSection


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteSection(_Section):
    """Who runs the site."""

    name: str = Field(min_length=1, max_length=200)
    ods_code: str = Field(default="", max_length=20)
    timezone: str = "Europe/London"
    demo: bool = False

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        from zoneinfo import available_timezones

        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone, such as 'Europe/London'")
        return value


class EngineSection(_Section):
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


class CaptureSection(_Section):
    """What a source's record must have to be staged."""

    missing_encounter: Literal["quarantine", "stage"] = Field(
        default="quarantine",
        description="a record of a known patient whose encounter has not come: hold it back, or stage it without",
    )


class AccessSection(_Section):
    """Who may look at identifiable records by hand."""

    trace: list[str] = Field(
        default_factory=list,
        description="users of the machine who may run `lockgate trace`; empty: only the one who owns the site",
    )


class IdentitySection(_Section):
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


class CurateSection(_Section):
    """How sources that tell of the same thing are settled."""

    source_priority: list[str] = Field(
        default_factory=list,
        description="sources, the most trusted first: what two tell alike is carried from the first; others by name",
    )


class DeidentifySection(_Section):
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


class ConceptsSection(_Section):
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


class RiskSection(_Section):
    """How easily somebody may be singled out in a release or a workspace (docs/how-to/risk.md)."""

    gate: Literal["off", "refuse"] = Field(
        default="off", description="refuse: nothing over the policy is released or provisioned"
    )
    k: int = Field(default=5, ge=2, description="people who agree in all quasi-identifiers form a class")
    share: float = Field(
        default=0.05, ge=0, le=1, description="the share of people who may be in classes smaller than k"
    )


class QualitySection(_Section):
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


class DisclosureSection(_Section):
    """The site's rules for every number that leaves."""

    threshold: int = Field(default=10, ge=3)
    rounding: int = Field(default=5, ge=1)
    questions: Literal["project", "everyone"] = Field(
        default="project",
        description="whose earlier questions a count is held against: the project's and its people's, or everyone's",
    )
    release_by_rule: Literal["never", "low-risk"] = Field(
        default="never",
        description="whether results of low risk that pass every rule are released without reviewers",
    )


class ProjectLimits(_Section):
    """Limits of one project's jobs in place of the site's."""

    memory_mb: int | None = Field(default=None, ge=256)
    seconds: int | None = Field(default=None, ge=1)
    processes: int | None = Field(default=None, ge=8)
    output_mb: int | None = Field(default=None, ge=1)
    project_mb: int | None = Field(default=None, ge=1)


class SandboxSection(_Section):
    """How jobs are kept in."""

    strategy: Literal["auto", "bubblewrap", "namespaces"] = "auto"
    memory_mb: int = Field(default=4096, ge=256)
    seconds: int = Field(default=3600, ge=1)
    processes: int = Field(default=256, ge=8)
    output_mb: int = Field(default=512, ge=1)
    project_mb: int = Field(
        default=20_480,
        ge=1,
        description="what the jobs of one project may hold of the disk before no more start",
    )
    projects: dict[str, ProjectLimits] = Field(
        default_factory=dict, description="limits of single projects, such as [sandbox.projects.p0001]"
    )


class QueueSection(_Section):
    """In which order jobs run, and how many at once (docs/how-to/jobs.md)."""

    running: int = Field(default=2, ge=1, description="jobs that run at once on the site")
    running_per_project: int = Field(default=1, ge=1, description="jobs of one project that run at once")
    waiting_per_person: int = Field(
        default=20, ge=1, description="jobs that one person may have waiting in one project"
    )
    half_life_hours: float = Field(
        default=24, gt=0, description="past use counts half after so long when shares are compared"
    )
    shares: dict[str, float] = Field(
        default_factory=dict,
        description="projects with another share than 1, such as {p0001 = 2}; all see them",
    )

    @field_validator("shares")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, share in value.items():
            if not 0 < share < 1000:
                raise ValueError(f"the share of {name} must be above 0 and below 1000")
        return value


class UsageSection(_Section):
    """What use costs a project; nought: it is counted and costs nothing."""

    currency: str = Field(default="GBP", max_length=3)
    cpu_hour: float = Field(default=0, ge=0, description="price of an hour of one processor")
    memory_gb_hour: float = Field(default=0, ge=0, description="price of 1 GB of memory for an hour")
    storage_gb_month: float = Field(default=0, ge=0, description="price of 1 GB kept for 30 days")


class CodeSection(_Section):
    """Where the code of jobs may be fetched from (docs/how-to/jobs.md); nowhere as it comes."""

    hosts: list[str] = Field(
        default_factory=list,
        description="hosts (or host:port) of https:// repositories, such as 'github.com'",
    )
    folders: list[str] = Field(
        default_factory=list, description="folders of this machine below which repositories may lie"
    )
    max_mb: int = Field(default=10, ge=1, description="the most that a commit's files may be together")


class TwinSection(_Section):
    """Synthetic twins of releases (docs/how-to/twins.md)."""

    epsilon: float = Field(
        default=5.0,
        ge=0.01,
        le=100,
        description="how much one person may change what a recipe tells (differential privacy); less is more private",
    )
    delta: float = Field(default=1e-6, gt=0, le=1e-3, description="the chance that is left outside of that")
    total_epsilon: float = Field(
        default=25.0, ge=0.01, description="no more recipes once those of all releases add up to this"
    )
    people: int = Field(default=10_000, ge=100, le=5_000_000, description="people of a twin unless told")
    download: Literal["applicants", "members", "nobody"] = Field(
        default="applicants",
        description="who may download one from the pages: whoever has an application, drafts included; only the people"
        " of a project; nobody",
    )


class CatalogueSection(_Section):
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


class SignInSection(_Section):
    """Signing in with an organisation's own accounts (OpenID Connect). The client's secret is in LOCKGATE_OIDC_SECRET
    or in ``keys/oidc.secret``."""

    issuer: str = Field(
        default="", description="address of the provider; empty: people sign in with passwords of the portal"
    )
    client_id: str = ""
    name: str = Field(
        default="your organisation's account",
        max_length=80,
        description="what the button says after 'Sign in with'",
    )
    match: Literal["email", "username"] = Field(
        default="email",
        description="what names a person at the first sign-in: a verified e-mail address, or preferred_username",
    )
    trust_email: bool = Field(
        default=False, description="take e-mail addresses as verified from a provider that does not say so"
    )
    second_factor: list[str] = Field(
        default_factory=list,
        description="values of amr or acr in the ID token by which the provider vouches for a second factor",
    )
    only: bool = Field(default=False, description="refuse passwords of the portal")
    authorize_origin: str = Field(
        default="", description="origin of the provider's sign-in page where it isn't the issuer's"
    )

    @field_validator("issuer", "authorize_origin")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if value and (not parts.hostname or parts.scheme not in (("https", "http") if here else ("https",))):
            raise ValueError("must be an https:// address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> SignInSection:
        if self.issuer and not self.client_id:
            raise ValueError("a provider needs client_id too")
        if self.only and not self.issuer:
            raise ValueError("without a provider nobody could sign in: give issuer, or leave only out")
        return self


class TrainingSection(_Section):
    """The courses that people must have taken (docs/how-to/portal.md)."""

    required: dict[str, list[str]] | None = Field(
        default=None,
        description="role ('*': everybody) -> courses without which it can't be used. Not given: 'Information"
        " governance' for everybody, and none on a demonstration site",
    )


class MailSection(_Section):
    """E-mails to those who work with the portal (docs/how-to/notices.md). The server's password is in
    LOCKGATE_MAIL_PASSWORD or in ``keys/mail.secret``."""

    host: str = Field(
        default="", max_length=253, description="the server that takes e-mails; empty: none are sent"
    )
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none: only for a server on this machine"
    )
    username: str = Field(default="", max_length=200, description="empty: the server asks for no sign-in")
    sender: str = Field(default="", max_length=254, description="the address that e-mails come from")
    portal_address: str = Field(default="", description="address of the portal, for the links in e-mails")

    @field_validator("portal_address")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("must be an https:// address, such as https://research.hospital.example")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> MailSection:
        if self.host and not (self.portal_address and "@" in self.sender):
            raise ValueError("a server needs sender (an e-mail address) and portal_address too")
        if self.host and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("without starttls or tls only a server on this machine may be used")
        return self


class PortalSection(_Section):
    """The pages."""

    database_url: str = ""
    allowed_hosts: list[str] = Field(default_factory=lambda: ["localhost", "127.0.0.1"])
    https: bool = False
    second_factor: list[str] | None = Field(
        default=None,
        description="roles that sign in with an authenticator app too; '*': everybody. Not given: everybody, and nobody"
        " on a demonstration site",
    )
    panel: list[Literal["research", "service_evaluation", "audit", "clinical_analytics"]] = Field(
        default_factory=list,
        description="kinds of use that are not approved before the public panel has advised",
    )
    routes: str = Field(
        default="",
        max_length=200,
        pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]*/)*([A-Za-z0-9_][A-Za-z0-9_.-]*)?$",
        description="a file in the site's folder that says who decides on what; empty: as Lockgate comes"
        " (docs/reference/routes.md)",
    )
    fast_path: list[str] | None = Field(
        default=None,
        description="the fast paths of the routes that this site has agreed to: uses approved by rule. Not given: none,"
        " and all on a demonstration site",
    )
    token_days: int = Field(
        default=90, ge=1, le=366, description="the longest that a token of the API may hold, in days"
    )
    token_rate: int = Field(
        default=120, ge=1, le=100_000, description="how often a token may be used in one minute"
    )
    log: Literal["text", "json"] = Field(
        default="text",
        description="text: warnings and errors; json: one JSON object a line, for every request too. No personal data",
    )


class SiteConfig(_Section):
    """All of ``site.toml``."""

    site: SiteSection
    engine: EngineSection = EngineSection()
    capture: CaptureSection = CaptureSection()
    access: AccessSection = AccessSection()
    identity: IdentitySection = IdentitySection()
    curate: CurateSection = CurateSection()
    hl7v2: Hl7Section = Hl7Section()
    deidentify: DeidentifySection = DeidentifySection()
    concepts: ConceptsSection = ConceptsSection()
    disclosure: DisclosureSection = DisclosureSection()
    risk: RiskSection = RiskSection()
    quality: QualitySection = QualitySection()
    sandbox: SandboxSection = SandboxSection()
    queue: QueueSection = QueueSection()
    usage: UsageSection = UsageSection()
    code: CodeSection = CodeSection()
    notebooks: NotebooksSection = NotebooksSection()
    catalogue: CatalogueSection = CatalogueSection()
    twin: TwinSection = TwinSection()
    portal: PortalSection = PortalSection()
    sign_in: SignInSection = SignInSection()
    mail: MailSection = MailSection()
    training: TrainingSection = TrainingSection()

    @model_validator(mode="after")
    def _apart(self) -> SiteConfig:
        """Notebooks run people's scripts: never in an origin that the portal answers in."""
        self.notebooks.check_apart(self.portal.allowed_hosts, https=self.portal.https)
        return self


def read_config(path: Path) -> SiteConfig:
    """Read ``site.toml``; UsageError names the setting and the remedy."""
    try:
        content = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(
            f"can't be read ({error.strerror})", where=str(path), remedy="is this the folder of a site?"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"is not UTF-8 at byte {error.start}", where=str(path), remedy="save it as UTF-8"
        ) from error
    try:
        raw = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is not TOML: {error}", where=str(path), remedy="mend that line") from error
    try:
        return SiteConfig.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(
            f"[{'.'.join(str(part) for part in item['loc'])}] {item['msg']}" for item in error.errors()
        )
        raise UsageError(
            problems, where=str(path), remedy="docs/reference/site-toml.md lists every setting"
        ) from error


TEMPLATE = """\
# A Lockgate site. Every setting and its default: docs/reference/site-toml.md
[site]
name = {name}
ods_code = {ods_code}
timezone = "Europe/London"
{demo}
[deidentify]
birth_date = "year"        # year | month
event_dates = "exact"      # exact | month

[disclosure]
threshold = 10             # no count of people from 1 to threshold - 1 leaves
rounding = 5               # counts leave rounded to a multiple of this

[sandbox]
strategy = "auto"          # auto | bubblewrap | namespaces
memory_mb = 4096
seconds = 3600
"""


def render_config(name: str, ods_code: str, *, demo: bool) -> str:
    """The ``site.toml`` that a new site starts with."""
    import json  # a JSON string is a TOML basic string

    return TEMPLATE.format(
        name=json.dumps(name, ensure_ascii=False),
        ods_code=json.dumps(ods_code),
        demo="demo = true                # invented people only: accounts with known passwords are allowed\n"
        if demo
        else "",
    )
