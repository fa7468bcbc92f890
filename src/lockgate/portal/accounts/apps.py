"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and their roles."""

    name = "lockgate.portal.accounts"
    label = "accounts"
