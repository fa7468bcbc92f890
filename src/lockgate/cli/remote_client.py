"""A portal elsewhere, asked by its API with the token that is kept here: what ``lockgate remote`` commands share."""

from __future__ import annotations

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, Refused, UsageError


def file_of() -> Path:
    named = os.environ.get("LOCKGATE_REMOTE")
    return Path(named) if named else Path.home() / ".config" / "lockgate" / "remote.json"


def kept() -> tuple[str, str]:
    """The address and the token that are kept; Refused where others could read them."""
    file = file_of()
    try:
        told = json.loads(file.read_bytes())
        mode = file.stat().st_mode & 0o077
    except (OSError, ValueError) as error:
        raise UsageError("no token is kept", where=str(file), remedy="lockgate remote login URL") from error
    if mode:
        raise Refused(
            "others can read the token",
            where=str(file),
            reasons=["mode"],
            remedy=f"chmod 600 {file}, and revoke it",
        )
    return str(told["url"]), str(told["token"])


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to the address that was named, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


def ask(url: str, token: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """What the portal answers, JSON or (as ``{"text": ...}``) text; its problems as ours."""
    data = None if body is None else json.dumps(body).encode()
    content, kind = _send(url, token, method, path, data, {"Content-Type": "application/json", **headers})
    try:
        return json.loads(content) if kind.endswith("json") else {"text": content.decode("utf-8", "replace")}
    except ValueError:
        raise LockgateError("answered something that is no JSON", where=url) from None


def fetch(url: str, token: str, path: str) -> bytes:
    """A file that the portal gives away."""
    return _send(url, token, "GET", path, None, {})[0]


def hand_in(url: str, token: str, path: str, fields: Mapping[str, str], files: Sequence[Path]) -> Any:
    """What the portal answers to a form with files (multipart/form-data); UsageError for a file that can't be read."""
    mark = f"lockgate-{secrets.token_hex(16)}".encode()
    parts = [f'form-data; name="{name}"\r\n\r\n'.encode() + value.encode() for name, value in fields.items()]
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UsageError(f"can't be read ({error.strerror})", where=str(file)) from error
        name = "".join(letter for letter in file.name if letter.isprintable() and letter not in '"\\')
        head = f'form-data; name="files"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        parts.append(head.encode() + content)
    body = b"".join(b"--" + mark + b"\r\nContent-Disposition: " + part + b"\r\n" for part in parts)
    kind = f"multipart/form-data; boundary={mark.decode()}"
    return json.loads(
        _send(url, token, "POST", path, body + b"--" + mark + b"--\r\n", {"Content-Type": kind})[0]
    )


def _send(
    url: str, token: str, method: str, path: str, data: bytes | None, headers: Mapping[str, str]
) -> tuple[bytes, str]:
    asked = urllib.request.Request(  # noqa: S310
        f"{url}{path}", data=data, method=method, headers={"Authorization": f"Bearer {token}", **headers}
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(asked, timeout=120) as answer:
            return answer.read(), answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        raise _problem(error) from None
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise LockgateError(
            f"can't be reached ({reason})", where=url, remedy="is the portal running?"
        ) from None


def _problem(error: urllib.error.HTTPError) -> LockgateError:
    try:
        told = json.loads(error.read())
        said, where, remedy = str(told["detail"]), str(told["where"]), str(told["remedy"])
        reasons = [str(one) for one in told["reasons"]]
    except (ValueError, KeyError, TypeError):
        return LockgateError(
            f"answered {error.code}", where=str(error.url), remedy="is this a Lockgate portal?"
        )
    if error.code in (401, 403, 404, 409, 429):
        return Refused(said, where=where, remedy=remedy, reasons=reasons)
    return UsageError("; ".join([said, *reasons[1:]]), where=where, remedy=remedy)
