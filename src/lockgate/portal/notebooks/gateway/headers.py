"""Headers between browser and notebook. None of the portal's reach JupyterLab; none of JupyterLab's set a policy."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from lockgate.site import SiteConfig

_ASKED = ("Accept", "Accept-Language", "Content-Type", "If-None-Match", "If-Modified-Since")
_ANSWERED = ("Content-Type", "ETag", "Last-Modified", "Location", "Vary")


def to_notebook(given: Mapping[str, str]) -> dict[str, str]:
    """What JupyterLab is told of a request: no cookie, no authorisation, no address of anybody."""
    return {name: given[name] for name in _ASKED if name in given} | {
        "Host": "notebook",
        "Connection": "close",
    }


def to_browser(given: Mapping[str, str], config: SiteConfig, project: str) -> dict[str, str]:
    """What a browser is told of an answer: no cookie, nothing to download, our policy alone."""
    kept = {name: given[name] for name in _ANSWERED if name in given}
    place = kept.get("Location", "/")
    if not place.startswith("/") or place.startswith(("//", "/\\")):
        del kept["Location"]
    return kept | policy(config, project)


def policy(config: SiteConfig, project: str) -> dict[str, str]:
    """What scripts of a notebook may do: run, draw, and speak with this very notebook.

    ``sandbox`` without ``allow-downloads``, ``allow-popups`` and ``allow-top-navigation``: nothing that a script makes
    becomes a file, a window, or another address of the tab. JupyterLab compiles schemas, hence 'unsafe-eval'.
    """
    origin = config.notebooks.origin(project)
    socket = origin.replace("http", "ws", 1)
    rules = [
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        f"connect-src 'self' {socket}",
        "form-action 'none'",
        "base-uri 'none'",
        f"frame-ancestors {' '.join(portals(config))}",
        "sandbox allow-scripts allow-same-origin allow-forms allow-modals",
    ]
    return {
        "Content-Security-Policy": "; ".join(rules),
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), display-capture=()",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-DNS-Prefetch-Control": "off",
    }


def portals(config: SiteConfig) -> list[str]:
    """The origins whose pages may show a notebook: the portal's."""
    scheme, port = ("https", "") if config.portal.https else ("http", ":*")
    hosts = [f"*{name}" if name.startswith(".") else name for name in config.portal.allowed_hosts]
    return [f"{scheme}://{host}{port}" for host in hosts]


def cookie_name(config: SiteConfig) -> str:
    """The gateway's own cookie. With TLS its name says that no other host may set it."""
    secure = urlsplit(config.notebooks.url).scheme == "https"
    return "__Host-lockgate-notebook" if secure else "lockgate-notebook"


def cookie(config: SiteConfig, value: str) -> str:
    """The header that sets it: for this host, for no script, and only below the portal's page (Partitioned)."""
    return f"{cookie_name(config)}={value}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"


def says_cross_site(given: Mapping[str, str], origin: str) -> str:
    """Why a request is not of the notebook's own page; empty when it is."""
    came = given.get("Origin")
    if came is not None and came != origin:
        return "it came from another origin"
    if given.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return "it came from another site"
    return ""
