"""``site.toml``: what a site is called and the policies it runs under. Unknown settings are refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError, model_validator

from lockgate.errors import UsageError
from lockgate.site.settings.data import (
    AccessSection,
    CaptureSection,
    CatalogueSection,
    ConceptsSection,
    CurateSection,
    DeidentifySection,
    EngineSection,
    IdentitySection,
    QualitySection,
    RiskSection,
    SiteSection,
)
from lockgate.site.settings.hl7v2 import Hl7Section
from lockgate.site.settings.notebooks import NotebooksSection
from lockgate.site.settings.pages import (
    MailSection,
    PortalSection,
    SignInSection,
    TrainingSection,
)
from lockgate.site.settings.section import Section
from lockgate.site.settings.work import (
    CodeSection,
    DisclosureSection,
    QueueSection,
    SandboxSection,
    TwinSection,
    UsageSection,
)


class SiteConfig(Section):
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
