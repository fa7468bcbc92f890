"""The gateway's requests: which notebook, who asks, and is that allowed; then on to the notebook's socket."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, UnixConnector, WSMsgType, web

from lockgate.portal.notebooks import services
from lockgate.portal.notebooks.gateway import headers, routes
from lockgate.portal.notebooks.gateway.access import access
from lockgate.portal.notebooks.gateway.keeper import Keeper, Kept, apart
from lockgate.site import Site
from lockgate.workspace.notebooks import environment

ENTER, STORAGE = "/-/enter", "/-/storage.js"
# In memory: nothing of a notebook stays in the browser, and browsers shut the real one to a frame of another site.
_STORAGE = """\
(() => {
  const kept = new Map();
  const storage = {
    get length() { return kept.size; },
    key: number => [...kept.keys()][number] ?? null,
    getItem: name => kept.get(String(name)) ?? null,
    setItem: (name, value) => { kept.set(String(name), String(value)); },
    removeItem: name => { kept.delete(String(name)); },
    clear: () => kept.clear(),
  };
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { value: storage, configurable: true });
  }
})();
"""
_BEFORE = "/static/lab/"
_BLOCK = 64 * 1024
_SOCKET_MESSAGE = 32 * routes.MB
_CHECK_SOCKETS = 10.0  # seconds between questions whether an open WebSocket may stay


class Gateway:
    """One site's notebooks for browsers. ``handle`` answers every request."""

    def __init__(self, site: Site, keeper: Keeper) -> None:
        self.site, self.keeper, self.config = site, keeper, site.config
        self.files = environment.folder_of(site) / "share" / "jupyter" / "lab" / "static"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer to a request; a plain page where it is no."""
        project = self.config.notebooks.project_of(request.headers.get("Host", ""))
        if not project:
            return web.Response(status=404, text="There is nothing here.\n")
        try:
            if request.path == ENTER:
                return await self._enter(request, project)
            return await self._go_on(request, project)
        except _Refusal as refusal:
            return self._say(project, refusal.status, refusal.why)

    async def _enter(self, request: web.Request, project: str) -> web.StreamResponse:
        if request.method != "GET" or not _in_frame(request):
            raise _Refusal("open the notebook from the project's page in the portal")
        cookie = await apart(services.enter, request.query.get("ticket", ""), project)
        if not cookie:
            raise _Refusal("this way in was used already, or is too old")
        answer = {"Location": "/lab", "Set-Cookie": headers.cookie(self.config, cookie)}
        return web.Response(status=303, headers=headers.policy(self.config, project) | answer)

    async def _go_on(self, request: web.Request, project: str) -> web.StreamResponse:
        path, page = request.path, routes.is_page(request.path)
        if page and not _in_frame(request):
            raise _Refusal("a notebook shows in the portal's page alone")
        origin = self.config.notebooks.origin(project)
        if not page and (why := headers.says_cross_site(request.headers, origin)):
            raise _Refusal(why)
        socket = routes.is_socket(path)
        if (socket or request.method not in ("GET", "HEAD")) and "Origin" not in request.headers:
            raise _Refusal("it does not say where it came from")
        kept = await self._kept(request, project)
        if socket:
            return await self._socket(request, kept, project)
        if path != STORAGE and not routes.is_allowed(request.method, path):
            raise _Refusal("that is shut here: nothing is downloaded, uploaded or set from a notebook")
        if path == STORAGE:
            told = headers.policy(self.config, project)
            return web.Response(text=_STORAGE, content_type="text/javascript", headers=told)
        if path.startswith(_BEFORE):
            return await self._file(path.removeprefix(_BEFORE), project)
        return await self._pass(request, kept, project)

    async def _kept(self, request: web.Request, project: str) -> Kept:
        cookie = request.cookies.get(headers.cookie_name(self.config), "")
        found = await apart(access, cookie, project)
        kept = self.keeper.kept.get(found.notebook)
        if kept is None:
            raise _Refusal(found.why_not or "the notebook has stopped")
        return kept

    async def _file(self, name: str, project: str) -> web.StreamResponse:
        """One of JupyterLab's own files, from the environment and not from the sandbox."""
        path = await asyncio.to_thread(_below, self.files, name)
        if path is None:
            raise _Refusal("there is no such file", 404)
        told = headers.policy(self.config, project) | {"Cache-Control": "private, max-age=86400"}
        return web.FileResponse(path, headers=told)

    async def _pass(self, request: web.Request, kept: Kept, project: str) -> web.StreamResponse:
        body = await request.read()
        if why := routes.refused_body(request.method, request.path, body):
            raise _Refusal(why)
        if request.method not in ("GET", "HEAD"):
            kept.touched = asyncio.get_running_loop().time()
        sent = headers.to_notebook(request.headers)
        try:
            async with (
                _client(kept) as client,
                client.request(
                    request.method, f"http://notebook{request.raw_path}", data=body or None, headers=sent,
                    allow_redirects=False,
                ) as answer,
            ):  # fmt: skip
                told = headers.to_browser(answer.headers, self.config, project)
                if routes.is_page(request.path) and answer.status == 200:
                    return await _page(answer, told, kept)
                response = web.StreamResponse(status=answer.status, headers=told)
                await response.prepare(request)
                async for block in answer.content.iter_chunked(_BLOCK):
                    kept.show(len(block))
                    await response.write(block)
                await response.write_eof()
                return response
        except (ClientError, OSError, TimeoutError) as error:
            raise _Refusal("the notebook does not answer", 502) from error

    async def _socket(self, request: web.Request, kept: Kept, project: str) -> web.StreamResponse:
        spoken = [
            word.strip()
            for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
            if word.strip()
        ]
        try:
            async with (
                _client(kept) as client,
                client.ws_connect(
                    f"http://notebook{request.raw_path}", protocols=spoken, max_msg_size=_SOCKET_MESSAGE,
                    headers={"Host": "notebook"}, compress=0,
                ) as inner,
            ):  # fmt: skip
                chosen = (inner.protocol,) if inner.protocol else ()
                outer = web.WebSocketResponse(protocols=chosen, max_msg_size=_SOCKET_MESSAGE, heartbeat=30)
                await outer.prepare(request)
                token = object()
                kept.sockets[token] = outer.close
                cookie = request.cookies.get(headers.cookie_name(self.config), "")
                try:
                    await _first_done(
                        _carry(outer, inner, lambda _: _touch(kept)),
                        _carry(inner, outer, kept.show),
                        self._watch(cookie, project),
                    )
                finally:
                    kept.sockets.pop(token, None)
                    await outer.close()
                return outer
        except (ClientError, OSError, TimeoutError) as error:
            raise _Refusal("the notebook does not answer", 502) from error

    async def _watch(self, cookie: str, project: str) -> None:
        """Until the browser may not go on."""
        while (await apart(access, cookie, project)).notebook:
            await asyncio.sleep(_CHECK_SOCKETS)

    def _say(self, project: str, status: int, why: str) -> web.Response:
        text = html.escape(why[:1].upper() + why[1:])
        body = (
            '<!DOCTYPE html><html lang="en-GB"><meta charset="utf-8"><title>Notebook</title>'
            f"<h1>The notebook can't be shown</h1><p>{text}.</p>"
            "<p>Go back to the project's page in the portal and open it from there.</p></html>"
        )
        told = headers.policy(self.config, project) | {"X-Lockgate": "refused"}
        return web.Response(status=status, text=body, content_type="text/html", headers=told)


class _Refusal(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.why, self.status = why, status


async def _page(answer: ClientResponse, told: dict[str, str], kept: Kept) -> web.Response:
    """JupyterLab's page, whose first script is ours."""
    body = b""
    async for block in answer.content.iter_chunked(_BLOCK):
        body += block
        if len(body) > routes.MB:
            raise _Refusal("the notebook does not answer as it should", 502)
    kept.show(len(body))
    first = f'<head><script src="{STORAGE}"></script>'.encode()
    return web.Response(body=body.replace(b"<head>", first, 1), headers=told)


def _in_frame(request: web.Request) -> bool:
    return request.headers.get("Sec-Fetch-Dest") == "iframe"


def _below(folder: Path, name: str) -> Path | None:
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _client(kept: Kept) -> ClientSession:
    connector = UnixConnector(path=kept.session.address, force_close=True)
    return ClientSession(
        connector=connector, timeout=ClientTimeout(total=None, connect=10), auto_decompress=True
    )


def _touch(kept: Kept) -> None:
    kept.touched = asyncio.get_running_loop().time()


async def _carry(source: Any, target: Any, count: Callable[[int], object]) -> None:
    """Carry messages one way until the source closes."""
    async for message in source:
        if message.type is WSMsgType.TEXT:
            count(len(message.data))
            await target.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            count(len(message.data))
            await target.send_bytes(message.data)
        else:
            return


async def _first_done(*work: Awaitable[None]) -> None:
    """Until the first of them ends; the others are ended with it."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
