"""``site.toml``, of the pages: signing in, training, e-mail, and the portal."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from lockgate.site.settings.section import Section


class SignInSection(Section):
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


class TrainingSection(Section):
    """The courses that people must have taken (docs/how-to/portal.md)."""

    required: dict[str, list[str]] | None = Field(
        default=None,
        description="role ('*': everybody) -> courses without which it can't be used. Not given: 'Information"
        " governance' for everybody, and none on a demonstration site",
    )


class MailSection(Section):
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


class PortalSection(Section):
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
