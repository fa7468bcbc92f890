"""The listener: takes messages over MLLP, puts them on disk, acknowledges, and captures them in batches.

A message is acknowledged only after it is on disk. Many connections share one write: what has come while the last
write was under way goes into the next. SIGTERM and SIGINT stop it: what was acknowledged is captured first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from lockgate.capture.batches import CaptureResult, require_current
from lockgate.capture.hl7v2.mllp import Frames, Piece, Tls, acknowledgement, address, verdict
from lockgate.capture.hl7v2.spool import Spool
from lockgate.errors import LockgateError, Refused
from lockgate.site import Site

log = logging.getLogger("lockgate.hl7v2")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
IDLE_SECONDS = 3600.0
CHUNK = 256 * 1024
GATHER = 500  # messages written and synced at once, at most


@dataclass
class Heard:
    """What a listener did from its start to its stop."""

    connections: int = 0
    received: int = 0
    answers: dict[str, int] = field(default_factory=lambda: {"AA": 0, "AE": 0, "AR": 0})
    garbage: int = 0
    unfinished: int = 0
    batches: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


After = Callable[[CaptureResult], object]


class Listener:
    """One listening port of one source. ``after`` is called with each batch once it is visible."""

    def __init__(
        self,
        site: Site,
        source: str,
        actor: str,
        *,
        every: float,
        batch: int,
        tls: Tls | None = None,
        after: After | None = None,
    ) -> None:
        self.tls = tls or Tls()
        self.after = after
        self.site, self.source, self.actor = site, source, actor
        self.every, self.batch = every, batch
        config = site.config.hl7v2
        self.largest, self.charset = config.max_message_kb * 1024, config.character_set
        self.spool = Spool(site, source)
        self.heard = Heard()
        self._queue: asyncio.Queue[tuple[bytes, asyncio.Future[None]]] = asyncio.Queue(maxsize=4 * GATHER)
        self._full = asyncio.Event()
        self._stop = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0
        self._capturing = threading.Lock()

    async def run(self, host: str, port: int, started: asyncio.Event | None = None) -> None:
        """Serve until stopped."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(sign, self._stop.set)
        secured = self.tls.context(server=True)
        server = await asyncio.start_server(self._serve, host, port, limit=CHUNK, ssl=secured)
        self.port = server.sockets[0].getsockname()[1]
        log.warning("listening on %s port %s for source %s", host, self.port, self.source)
        if host not in LOOPBACK and not self.tls.ca:
            open_to = "lets in any sender" if secured else "is neither encrypted nor authenticated"
            log.warning("MLLP %s: let only the integration engine reach this port", open_to)
        writer, capturer = asyncio.create_task(self._write()), asyncio.create_task(self._capture())
        if started is not None:
            started.set()
        failed = asyncio.create_task(asyncio.wait({writer, capturer}, return_when=asyncio.FIRST_COMPLETED))
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({failed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            while not self._queue.empty() and not writer.done():
                await asyncio.sleep(0.01)
            for ending in (writer, capturer, failed, stopped):
                ending.cancel()
            results = await asyncio.gather(writer, capturer, return_exceptions=True)
            await asyncio.to_thread(self.drain)
            self.spool.close()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.heard.connections += 1
        frames = Frames(self.largest)
        try:
            while data := await asyncio.wait_for(reader.read(CHUNK), IDLE_SECONDS):
                for piece in frames.feed(data):
                    writer.write(await self._answer(piece))
                    await writer.drain()
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
        finally:
            if frames.rest():
                self.heard.unfinished += 1
                log.warning("a connection ended within a message: it was not acknowledged and is not kept")
            self._serving.discard(task)
            writer.close()

    async def _answer(self, piece: Piece) -> bytes:
        """Keep a message and make its answer."""
        if piece.too_large:
            self.heard.answers["AR"] += 1
            return acknowledgement(piece.content, "AR", f"larger than {self.largest // 1024} KB: not kept")
        if not piece.content.strip():
            self.heard.answers["AR"] += 1
            return acknowledgement(b"", "AR", "an empty frame")
        code, why = verdict(piece.content, self.charset, self.site.config.hl7v2.processing_ids)
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._queue.put((piece.content, kept))
        await asyncio.shield(kept)
        self.heard.received += 1
        if not piece.framed:
            self.heard.garbage += 1
            return b""
        self.heard.answers[code] += 1
        return acknowledgement(piece.content, code, why)

    async def _write(self) -> None:
        while True:
            gathered = [await self._queue.get()]
            while len(gathered) < GATHER and not self._queue.empty():
                gathered.append(self._queue.get_nowait())
            try:
                await asyncio.to_thread(self.spool.write, [content for content, _ in gathered])
            except OSError:
                # Not on disk, so not acknowledged: the senders hold their messages. The listener ends.
                for _, kept in gathered:
                    kept.cancel()
                raise
            for _, kept in gathered:
                if not kept.done():
                    kept.set_result(None)
            if self.spool.written >= self.batch:
                self._full.set()

    async def _capture(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self.every)
            self._full.clear()
            self.spool.rotate()
            try:
                await asyncio.to_thread(self._batch)
            except Refused as error:
                log.warning("not captured yet: %s", error)

    def _batch(self) -> CaptureResult | None:
        with self._capturing:  # the last one waits for the one under way
            return self._capture_waiting()

    def _capture_waiting(self) -> CaptureResult | None:
        from lockgate.capture.hl7v2 import capture_files

        waiting = self.spool.waiting()
        if not waiting:
            return None
        result = capture_files(self.site, waiting, source=self.source, actor=self.actor)
        self.heard.batches.append(
            {
                name: getattr(result, name)
                for name in ("batch_id", "received", "staged", "quarantined", "duplicates")
            }
        )
        log.warning("batch %s: %s messages", result.batch_id, result.received)
        self.spool.waiting()
        if self.after is not None:
            try:
                self.after(result)
            except LockgateError as error:  # the feed goes on; every job looks again before it starts
                log.warning("after batch %s: %s", result.batch_id, error)
        return result

    def drain(self) -> None:
        """Capture everything that was acknowledged; what another capture keeps us from waits on disk."""
        self.spool.rotate()
        try:
            self._batch()
        except LockgateError as error:
            log.warning("left for the next start: %s", error)


def listen(
    site: Site,
    where: str,
    *,
    source: str = "hl7v2",
    actor: str,
    every: float = 60.0,
    batch: int = 10_000,
    tls: Tls | None = None,
    after: After | None = None,
) -> Heard:
    """Take messages on HOST:PORT until SIGTERM or SIGINT; what was heard.

    A batch is captured every ``every`` seconds, or after ``batch`` messages. What an earlier listener left on disk is
    captured first. ``after`` is called with each batch once it is visible. Raises UsageError for a bad address or TLS
    files that don't serve, Refused when another listener takes this source's messages.
    """
    host, port = address(where)
    require_current(site)
    (tls or Tls()).context(server=True)  # told before anything is opened
    heard: list[Heard] = []

    async def main() -> None:
        listener = Listener(site, source, actor, every=every, batch=batch, tls=tls, after=after)
        heard.append(listener.heard)
        if listener.spool.recovered_bytes:
            log.warning(
                "%s bytes of a message that was not acknowledged were cut off", listener.spool.recovered_bytes
            )
        try:
            await asyncio.to_thread(listener.drain)
            await listener.run(host, port)
        except OSError as error:
            raise LockgateError(
                f"can't listen: {error.strerror or error}", where=where, remedy="is the port taken?"
            ) from error

    logging.basicConfig(format="%(asctime)s %(message)s")
    asyncio.run(main())
    return heard[0]
