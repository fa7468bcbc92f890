"""How allauth signs people in here: accounts are made by administrators, and what it keeps is encrypted."""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from lockgate.portal.accounts import organisation
from lockgate.portal.sites import current_site

_ENCRYPTED = "aes256"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """No open sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: an account is given by the administrator of the portal."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """No password is looked at where the site takes its organisation's accounts only."""
        section = organisation.configured()
        if section is not None and section.only:
            raise ValidationError(f"Sign in with {section.name}.")
        super().pre_authenticate(request, **credentials)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps lie in the database under a key of the site: a copy of it alone makes no codes."""

    def encrypt(self, text: str) -> str:
        """A secret as it is stored, with the generation of the root key that its key is of."""
        generation, nonce = current_site().keyring.generation, secrets.token_bytes(12)
        sealed = _cipher(generation).encrypt(nonce, text.encode(), None)
        return f"{_ENCRYPTED}:{generation}:{(nonce + sealed).hex()}"

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; one stored by an earlier version of Lockgate is as it was."""
        kind, _, rest = encrypted_text.partition(":")
        if kind != _ENCRYPTED:
            return encrypted_text
        generation, _, sealed = rest.partition(":")
        data = bytes.fromhex(sealed)
        return _cipher(int(generation)).decrypt(data[:12], data[12:], None).decode()


def _cipher(generation: int) -> AESGCM:
    return AESGCM(current_site().key("portal/second-factor", generation=generation))
