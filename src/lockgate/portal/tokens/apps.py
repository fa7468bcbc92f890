"""The tokens app."""

from django.apps import AppConfig


class TokensConfig(AppConfig):
    """Tokens of the API."""

    name = "lockgate.portal.tokens"
    label = "tokens"
