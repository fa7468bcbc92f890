"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and their roles."""

    name = "lockgate.portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Listen to sign-ins: each says anew what the organisation vouched for."""
        from lockgate.portal.accounts import organisation  # noqa: F401
