"""Django's settings. The site is named by LOCKGATE_SITE; without one (type checks, unit tests) the control
database lives in memory and the secret key lasts as long as the process.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lockgate.errors import UsageError
from lockgate.portal.logs import configuration
from lockgate.site import Site

HERE = Path(__file__).resolve().parent
ASSETS = HERE / "assets" / "dist"

_site = Site.open(os.environ["LOCKGATE_SITE"]) if os.environ.get("LOCKGATE_SITE") else None
LOCKGATE_SITE = str(_site.path) if _site else ""
_portal = _site.config.portal if _site else None


def _database(url: str) -> dict[str, Any]:
    """Django's form of a database URL: ``postgresql://user:password@host:port/name`` (by a socket:
    ``postgresql://user@/name?host=/var/run/postgresql``) or ``sqlite:///path``."""
    parts = urlsplit(url)
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or dict(parse_qsl(parts.query)).get("host", ""),
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
        }
    if parts.scheme == "sqlite":
        return _sqlite(unquote(parts.path))
    raise UsageError(
        f"the database address starts with {parts.scheme!r}",
        where="LOCKGATE_DATABASE_URL or [portal] database_url",
        remedy="use postgresql://user:password@host:5432/name or sqlite:////full/path",
    )


def _sqlite(path: str) -> dict[str, Any]:
    # IMMEDIATE: a transaction takes the write lock at its start, so two writers wait instead of failing half-way.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        },
    }


_url = os.environ.get("LOCKGATE_DATABASE_URL") or (_portal.database_url if _portal else "")
if _url:
    DATABASES = {"default": _database(_url)}
elif _site:
    DATABASES = {"default": _sqlite(str(_site.control_db))}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

SECRET_KEY = hashlib.sha256(_site.key("django") if _site else secrets.token_bytes(32)).hexdigest()
DEBUG = False
ALLOWED_HOSTS = _portal.allowed_hosts if _portal else ["localhost", "127.0.0.1", "testserver"]
HTTPS = bool(_portal and _portal.https)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "lockgate.portal.outbox",
    "lockgate.portal.accounts",
    "lockgate.portal.applications",
    "lockgate.portal.workspaces",
    "lockgate.portal.airlock",
    "lockgate.portal.register",
    "lockgate.portal.incoming",
    "lockgate.portal.datasets",
    "lockgate.portal.checks",
    "lockgate.portal.linkage",
    "lockgate.portal.notes",
    "lockgate.portal.safety",
    "lockgate.portal.incidents",
    "lockgate.portal.notices",
    "lockgate.portal.turnaround",
    "lockgate.portal.myrecord",
    "lockgate.portal.explore",
    "lockgate.portal.tokens",
    "lockgate.portal.notebooks",
]

MIDDLEWARE = [
    "lockgate.portal.logs.requests",
    "django.middleware.security.SecurityMiddleware",
    "lockgate.portal.middleware.secure_headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "lockgate.portal.accounts.second_factor.second_factor",
    "django_htmx.middleware.HtmxMiddleware",
    "lockgate.portal.middleware.plain_errors",
]

ROOT_URLCONF = "lockgate.portal.urls"
WSGI_APPLICATION = "lockgate.portal.wsgi.application"

_CONTEXT = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "environment": "lockgate.portal.jinja.environment",
            "context_processors": [*_CONTEXT, "lockgate.portal.jinja.layout"],
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": _CONTEXT},
    },
]

# Sign-in
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", **options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"OPTIONS": {"min_length": 12}},
        "CommonPasswordValidator": {},
    }.items()
]
PASSWORD_HASHERS = [  # scrypt (RFC 7914) is memory-hard: a stolen database is slow to guess at
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "tasks"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "lockgate.portal.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if HTTPS else 0  # behind the proxy, who asks is whom it names
SOCIALACCOUNT_ADAPTER = "lockgate.portal.accounts.organisation.OrganisationAdapter"
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_STORE_TOKENS = False
MFA_ADAPTER = "lockgate.portal.accounts.adapter.SecondFactorAdapter"
MFA_TOTP_ISSUER = "Lockgate"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]

# E-mail: only the worker sends any (portal/notices/mail.py)
_mail = _site.config.mail if _site else None
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _mail and _mail.host else 'locmem'}.EmailBackend"
if _site and _mail and _mail.host:
    EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER = _mail.host, _mail.port, _mail.username
    EMAIL_HOST_PASSWORD = _site.keyring.given("mail", "LOCKGATE_MAIL_PASSWORD") if _mail.username else ""
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.security == "starttls", _mail.security == "tls"
    DEFAULT_FROM_EMAIL = _mail.sender

if HTTPS:  # names that no other host may set: those of notebooks may be sisters of the portal's
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "lockgate.portal.views.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = _site.config.site.timezone if _site else "Europe/London"
USE_TZ = True
USE_I18N = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "assets" / "own", *([ASSETS] if ASSETS.is_dir() else [])]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600

# Shared by the processes that answer requests: a limit on sign-ins holds for all of them together.
if _site:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(_site.path / ".cache"),
        }
    }

DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000  # the columns picker has one field for each column of a release
FILE_UPLOAD_PERMISSIONS = 0o600

# Work that outlasts a request waits in the control database for `lockgate worker`.
_TASKS = {
    "queue": "django_tasks_db.DatabaseBackend",
    "now": "django_tasks.backends.immediate.ImmediateBackend",
}
TASKS = {"default": {"BACKEND": _TASKS[os.environ.get("LOCKGATE_TASKS", "queue")], "QUEUES": ["default"]}}

LOGGING = configuration(_portal.log if _portal else "text")
