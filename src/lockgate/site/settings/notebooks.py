"""``[notebooks]`` in ``site.toml``: where JupyterLab is shown, and for how long."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from lockgate.site.settings.section import Section

_PLACE = "{project}"
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


class NotebooksSection(Section):
    """Notebooks (docs/how-to/notebooks.md). Off until ``url`` is given."""

    url: str = Field(
        default="",
        description="address of notebooks, a host for each project, such as"
        " 'https://{project}.notebooks.example.nhs.uk'; empty: there are none",
    )
    port: int = Field(
        default=8001,
        ge=1,
        le=65535,
        description="where the gateway listens, on this machine's own address only",
    )
    idle_minutes: int = Field(
        default=30, ge=1, description="a notebook that nobody uses and that computes nothing is stopped"
    )
    hours: int = Field(default=8, ge=1, le=168, description="no notebook runs longer")
    most: int = Field(default=8, ge=1, description="notebooks at once on this machine")
    shown_mb: int = Field(
        default=100,
        ge=1,
        description="what one notebook may show in all, JupyterLab's own files aside; it is stopped beyond that",
    )
    environment: str = Field(
        default="", description="folder of JupyterLab's environment; empty: beside Lockgate's own"
    )

    @field_validator("url")
    @classmethod
    def _separate(cls, value: str) -> str:
        """A host label of its own for each project: no script of a notebook may share an origin with anything."""
        if not value:
            return value
        parts = urlsplit(value)
        host, _, port = parts.netloc.partition(":")
        first, _, parent = host.partition(".")
        if first != _PLACE or not _HOST.fullmatch(parent) or (port and not port.isdigit()):
            raise ValueError(
                "must have the project as the first part of its host: https://{project}.notebooks.…"
            )
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("must be a scheme and a host, without a path")
        here = parent == "localhost"
        if parts.scheme != "https" and not (here and parts.scheme == "http"):
            raise ValueError("must be an https:// address (http:// on localhost alone)")
        return value.rstrip("/")

    @property
    def enabled(self) -> bool:
        """Whether the site has notebooks."""
        return bool(self.url)

    def origin(self, project: str) -> str:
        """Scheme, host and port of one project's notebooks."""
        return self.url.replace(_PLACE, project)

    def project_of(self, host: str) -> str:
        """The project that a Host header names; empty when it names none."""
        netloc = urlsplit(self.url).netloc
        tail = netloc.removeprefix(_PLACE).lower()
        given = host.lower()
        project = given.removesuffix(tail)
        named = given.endswith(tail) and re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", project)
        return project if named else ""

    @property
    def parent(self) -> str:
        """The host that all of them are below."""
        return urlsplit(self.url).netloc.partition(":")[0].removeprefix(_PLACE + ".")

    def check_apart(self, portal_hosts: list[str], *, https: bool) -> None:
        """ValueError when a project's host could be one that the portal answers under, or the portal has no TLS."""
        if not self.enabled:
            return
        parent = self.parent
        for name in portal_hosts:
            below = name.endswith(f".{parent}")  # the portal under a notebook's name
            above = name.startswith(".") and f".{parent}".endswith(name)  # any host below, notebooks' too
            if name == "*" or below or above:
                raise ValueError(
                    f"[notebooks] url and [portal] allowed_hosts ({name!r}) name the same hosts: a notebook's scripts "
                    "must not run where the portal does"
                )
        if parent != "localhost" and not https:
            raise ValueError("[notebooks] url needs [portal] https = true")
