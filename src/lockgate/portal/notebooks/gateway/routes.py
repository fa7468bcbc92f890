"""What of JupyterLab may be asked for through the gateway. Everything else is refused: above all what carries files out
or in by the bulk (``files/``, ``nbconvert/``, uploads), terminals, and the server's own settings."""

from __future__ import annotations

import json
import re

_ID = r"[A-Za-z0-9-]{1,64}"
_READ, _WRITE = frozenset({"GET", "HEAD"}), frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

_HTTP = [
    (re.compile(r"/lab(/(tree|workspaces)(/.*)?)?"), _READ),
    (re.compile(r"/lab/api/(settings|workspaces)(/.*)?"), _WRITE),
    (re.compile(r"/lab/api/(themes|translations)(/.*)?"), _READ),
    (re.compile(r"/lab/extensions/.+"), _READ),
    (re.compile(r"/static/.+"), _READ),
    (re.compile(r"/kernelspecs/.+"), _READ),
    (re.compile(r"/api|/api/(me|status|kernelspecs)(/.*)?"), _READ),
    (re.compile(r"/api/contents(/.*)?"), _WRITE),
    (re.compile(rf"/api/kernels(/{_ID}(/(interrupt|restart))?)?"), _WRITE),
    (re.compile(rf"/api/sessions(/{_ID})?"), _WRITE),
]
_SOCKETS = re.compile(rf"/api/kernels/{_ID}/channels|/api/events/subscribe")
_PAGES = re.compile(r"/lab(/(tree|workspaces)(/.*)?)?")

MB = 1024 * 1024
MOST_BODY = 16 * MB  # a notebook is saved with its outputs
MOST_TEXT = MB  # a file of code or text, as for a job


def is_page(path: str) -> bool:
    """Whether a path is JupyterLab's page itself, which only a frame of the portal may show."""
    return _PAGES.fullmatch(path) is not None


def is_socket(path: str) -> bool:
    """Whether a path is one of JupyterLab's WebSockets."""
    return _SOCKETS.fullmatch(path) is not None


def is_allowed(method: str, path: str) -> bool:
    """Whether a request may go on. ``path`` is decoded and has no query."""
    if "\\" in path or "//" in path or any(part in (".", "..") for part in path.split("/")):
        return False
    return any(method in methods and pattern.fullmatch(path) for pattern, methods in _HTTP)


def refused_body(method: str, path: str, body: bytes) -> str:
    """Why what a browser wants to save may not come in; empty when it may."""
    if len(body) > MOST_BODY:
        return "more than 16 MB"
    if method not in ("PUT", "POST", "PATCH") or not path.startswith("/api/contents") or not body:
        return ""
    try:
        told = json.loads(body)
    except ValueError:
        return "not JSON"
    if not isinstance(told, dict):
        return "not a file's description"
    if told.get("format") == "base64" or told.get("chunk") is not None:
        return "files are not uploaded: they come in through the airlock"
    if told.get("type") == "file" and len(str(told.get("content") or "")) > MOST_TEXT:
        return "a text of more than 1 MB"
    return ""
