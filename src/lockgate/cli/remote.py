"""``lockgate remote``: a portal elsewhere, by its API. Generic: the operations are those of its OpenAPI document."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import typer

from lockgate.cli import remote_work
from lockgate.cli.common import console, emit
from lockgate.cli.remote_client import ask, file_of, kept
from lockgate.errors import UsageError
from lockgate.site.files import make_dir, write_atomic

app = typer.Typer()
_ENDED = frozenset({"succeeded", "failed", "refused", "timed-out", "cancelled"})
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="The portal, such as https://lockgate.example.nhs.uk.")],
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from input.")] = False,
) -> None:
    """Keep a token for a portal, once it opens it. It is asked for, or read from input; it is never an argument."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UsageError("give an address such as https://lockgate.example.nhs.uk", where="URL")
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise UsageError("a token goes by https only", where="URL", remedy=f"https://{parts.netloc}")
    base = f"{parts.scheme}://{parts.netloc}"
    token = (
        typer.get_text_stream("stdin").readline() if token_stdin else typer.prompt("Token", hide_input=True)
    ).strip()
    if not re.fullmatch(r"lockgate_[0-9a-f]+_[\w-]+", token):
        raise UsageError(
            "this is no token of Lockgate", where="token", remedy="make one on the page of your tokens"
        )
    told = ask(base, token, "GET", "/api/me")
    make_dir(file_of().parent)
    write_atomic(file_of(), json.dumps({"url": base, "token": token}).encode())
    emit(told, f"You act as {told['username']} at {base}, until {told['token']['expires_at'][:10]}.")


@app.command()
def logout() -> None:
    """Revoke the token that is kept, and forget it."""
    url, token = kept()
    ask(url, token, "DELETE", f"/api/me/tokens/{token.split('_')[1]}")
    file_of().unlink()
    emit({"revoked": True}, "The token is revoked and forgotten.")


@app.command()
def me() -> None:
    """Say as whom one acts, and what for."""
    told = ask(*kept(), "GET", "/api/me")
    text = f"{told['name']} ({told['username']}): {', '.join(told['roles']) or 'no role'}"
    emit(told, f"{text}\nFor: {', '.join(told['token']['scopes'])}, until {told['token']['expires_at'][:10]}")


def _operations(url: str, token: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    document = ask(url, token, "GET", "/api/openapi.json")
    return {
        told["operationId"]: (method.upper(), path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }


@app.command()
def operations(
    word: Annotated[str, typer.Argument(help="Only those with this word in them.")] = "",
) -> None:
    """List what the portal's API can do."""
    rows = [
        {
            "name": name,
            "method": method,
            "path": path,
            "summary": told["summary"],
            "scope": told.get("x-scope", ""),
        }
        for name, (method, path, told) in _operations(*kept()).items()
        if word.lower() in f"{name} {path} {told['summary']}".lower()
    ]

    def human() -> None:
        for row in rows:
            said = (
                f"{row['name']:<24} {row['scope']:<8} {row['summary']}\n{'':24} {row['method']} {row['path']}"
            )
            console.print(said, markup=False)

    emit({"operations": rows}, human)


def _given(words: list[str]) -> dict[str, Any]:
    """``name=value`` and ``name:=JSON`` as values by name."""
    found: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.rstrip(":"):
            raise UsageError(f"{word!r} is no name=value", remedy="or name:=JSON")
        try:
            found[name.rstrip(":")] = json.loads(value) if name.endswith(":") else value
        except ValueError as error:
            raise UsageError("it is not JSON", where=name.rstrip(":")) from error
    return found


@app.command()
def call(
    operation: Annotated[str, typer.Argument(help="Its name, as `lockgate remote operations` lists it.")],
    words: Annotated[list[str] | None, typer.Argument(help="name=value, or name:=JSON.")] = None,
    body: Annotated[Path | None, typer.Option(help="A JSON file to send.")] = None,
    key: Annotated[str, typer.Option(help="An idempotency key: with the same one, made once.")] = "",
) -> None:
    """Ask for one operation; values go into the address, the query and the body as the operation takes them."""
    url, token = kept()
    known = _operations(url, token)
    if operation not in known:
        raise UsageError(f"there is no operation {operation!r}", remedy="lockgate remote operations")
    method, path, told = known[operation]
    given = _given(words or [])
    for name in re.findall(r"{(\w+)}", path):
        if name not in given:
            raise UsageError(f"{name} is missing", where=operation, remedy=f"{name}=...")
        path = path.replace("{" + name + "}", quote(str(given.pop(name)), safe=""))
    asked = {one["name"] for one in told.get("parameters", []) if one["in"] == "query"}
    query = {name: given.pop(name) for name in list(given) if name in asked}
    content: Any = given or ({} if "requestBody" in told else None)
    if body is not None:
        try:
            content = {**json.loads(body.read_bytes()), **given}
        except (OSError, ValueError, TypeError) as error:
            raise UsageError("it is no file with a JSON object", where=str(body)) from error
    elif given and "requestBody" not in told:
        raise UsageError(f"it takes no {', '.join(given)}", where=operation)
    headers = {"Idempotency-Key": key} if key else {}
    answer = ask(url, token, method, path + (f"?{urlencode(query)}" if query else ""), content, **headers)
    result = answer if isinstance(answer, dict) else {"items": answer}
    emit(
        result,
        answer["text"] if set(result) == {"text"} else json.dumps(answer, indent=1, ensure_ascii=False),
    )


@app.command()
def run(
    project: Annotated[str, typer.Argument(help="The project, such as lg-2026-0001.")],
    code: Annotated[Path, typer.Argument(help="A .py or .sql file, or a .zip with a main of that kind.")],
    wait: Annotated[bool, typer.Option(help="Wait for its end.")] = True,
) -> None:
    """Hand code in to be run on a project's data, and say how it ended; exit 1 unless it succeeded."""
    url, token = kept()
    try:
        content = code.read_bytes()
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(code)) from error
    told = {"name": code.name, "code": base64.b64encode(content).decode(), "encoding": "base64"}
    jobs = f"/api/projects/{quote(project, safe='')}/jobs"
    job = ask(url, token, "POST", jobs, told)
    pause = 1.0
    while wait and job["state"] not in _ENDED:
        time.sleep(pause)
        pause = min(10.0, pause * 1.5)
        job = ask(url, token, "GET", f"{jobs}/{job['key']}")
    said = f"{job['key']}: {job['state']}" + (f"\n{job['problem']}" if job["problem"] else "")
    emit(job, "\n".join([said, *(f"  {one['name']} ({one['kind']})" for one in job["outputs"])]))
    raise typer.Exit(int(wait and job["state"] != "succeeded"))


app.registered_commands += remote_work.app.registered_commands
