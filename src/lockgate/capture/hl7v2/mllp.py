"""MLLP, the frames of HL7 v2 over TCP, and the acknowledgements (HL7 v2 chapter 2, original mode).

A frame is VT (0x0b), the message, FS CR (0x1c 0x0d). An acknowledgement is MSH and MSA: AA taken, AE taken but not
understood (it is in quarantine), AR not taken.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lockgate.capture.hl7v2.frames import decode
from lockgate.capture.hl7v2.message import Message
from lockgate.capture.hl7v2.reader import events
from lockgate.errors import LockgateError, UsageError

START, END = b"\x0b", b"\x1c\r"
_IDLE = b" \t\r\n\x00"


@dataclass(frozen=True, slots=True)
class Piece:
    """What came out of a stream: a frame's content, or bytes that stood outside of frames; or one too large."""

    content: bytes
    framed: bool = True
    too_large: bool = False


class Frames:
    """Takes bytes as they come and gives whole frames; never holds more than ``largest`` bytes of one."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self._held = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The frames that are whole now, and the garbage between them."""
        self._held += data
        while self._held:
            if self._skipping:
                end = self._held.find(END)
                if end < 0:
                    self._held = self._held[-1:]
                    return
                self._held, self._skipping = self._held[end + 2 :], False
                continue
            if not self._held.startswith(START):
                start = self._held.find(START)
                if start < 0 and len(self._held) <= self.largest:
                    # white space between frames is usual; other bytes wait for a frame to follow, or the end
                    if not self._held.strip(_IDLE):
                        self._held = b""
                    return
                garbage, self._held = (
                    (self._held[:start], self._held[start:]) if start >= 0 else (self._held, b"")
                )
                if garbage.strip(_IDLE):
                    yield Piece(garbage.strip(_IDLE), framed=False)
                continue
            end = self._held.find(END)
            if end < 0 or end > self.largest:
                if len(self._held) > self.largest:
                    yield Piece(self._held[1:4096], too_large=True)
                    self._skipping = True
                    continue
                return
            content, self._held = self._held[1:end], self._held[end + 2 :]
            yield Piece(content)

    def rest(self) -> bytes:
        """What is left when the connection ends: a frame that never became whole, or garbage."""
        held, self._held = self._held, b""
        return b"" if self._skipping else held.strip(_IDLE)


def verdict(content: bytes, character_set: str, processing: Sequence[str] = ("P",)) -> tuple[str, str]:
    """The acknowledgement code of a message and, unless it is AA, why; told from its outside alone.

    What only shows when it is staged (an impossible date, an unknown visit) is in quarantine with its reason.
    """
    if not content.lstrip(b"\r\n").startswith(b"MSH"):
        return "AR", "not HL7 v2: no MSH segment"
    text, reason, detail = decode(content, character_set)
    if reason:
        return "AE", f"{reason}: {detail}"
    message = Message.parse(text)
    if message is None:
        return "AR", "not HL7 v2: its separators can't be read"
    kind, event = message.get("MSH", 9, 1), message.get("MSH", 9, 2) or message.get("EVN", 1, 1)
    rules = events().get(kind, {})
    if not rules or (event and rules.get(event, {"does": "hold"})["does"] == "hold"):
        return "AE", "unknown-message: kept, not staged"
    if (message.get("MSH", 11, 1).upper() or "P") not in processing:
        return "AE", "not-production: MSH-11; kept, not staged"
    if not (message.get("PID", 3) or message.get("PID", 2)):
        return "AE", "missing-required: PID-3, no number of the patient"
    return "AA", ""


def acknowledgement(content: bytes, code: str, why: str = "") -> bytes:
    """The framed answer to a message: its sender and receiver exchanged, its control id named."""
    message = Message.parse(content.decode("latin-1"))

    def field(number: int) -> str:
        return message.get("MSH", number) if message else ""

    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    version = field(12).split("^")[0] or "2.4"
    kind = "ACK" + (f"^{message.get('MSH', 9, 2)}" if message and message.get("MSH", 9, 2) else "")
    said = why.replace("\\", " ").replace("|", " ").replace("^", " ").replace("\r", " ")
    head = ["MSH", "^~\\&", field(5), field(6), field(3), field(4), now, "", kind, secrets.token_hex(8)]
    segments = ["|".join([*head, field(11) or "P", version]), "|".join(["MSA", code, field(10), said])]
    return START + "\r".join([*segments, ""]).encode("latin-1", "replace") + END


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of MLLP over TLS, PEM: our certificate and its key; the authority whose certificates are let in."""

    cert: Path | None = None
    key: Path | None = None
    ca: Path | None = None

    def context(self, *, server: bool) -> ssl.SSLContext | None:
        """TLS 1.2 or later; None where no file is named. Raises UsageError when the files don't serve.

        A server with an authority lets in only clients that show a certificate of it; a client trusts that authority
        and no other.
        """
        if not (self.cert or self.key or self.ca):
            return None
        if (server and not self.cert) or bool(self.cert) != bool(self.key):
            raise UsageError("a certificate and its key go together", remedy="give --tls-cert and --tls-key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if self.cert:
                context.load_cert_chain(self.cert, self.key, password=_no_password)
            if self.ca:
                context.load_verify_locations(self.ca)
            elif not server:
                context.load_default_certs()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or "no certificate, or not the key of it"
            raise UsageError(
                f"the TLS files can't be used: {said}",
                where=", ".join(str(path) for path in (self.cert, self.key, self.ca) if path),
                remedy="PEM files; the key without a pass phrase",
            ) from error
        if server and self.ca:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _no_password() -> str:
    raise ValueError("the key has a pass phrase")


def address(text: str) -> tuple[str, int]:
    """HOST:PORT taken apart; UsageError where it is none."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UsageError("is no HOST:PORT, such as 127.0.0.1:2575", where=text)
    return host.strip("[]"), int(port)


def transmit(
    messages: Iterator[bytes], where: str, *, timeout: float = 30.0, tls: Tls | None = None
) -> dict[str, int]:
    """Send messages one by one, each after the answer to the last; how many got which answer.

    Raises LockgateError when the receiver can't be reached or ends the connection.
    """
    counts = {"sent": 0, "AA": 0, "AE": 0, "AR": 0}
    frames, waited = Frames(1 << 20), time.monotonic()
    secured = (tls or Tls()).context(server=False)
    host, port = address(where)
    try:
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((host, port), timeout=timeout))
            if secured:
                connection = stack.enter_context(secured.wrap_socket(connection, server_hostname=host))
            for content in messages:
                connection.sendall(START + content + END)
                counts["sent"] += 1
                answers: list[Piece] = []
                while not answers:
                    data = connection.recv(65536)
                    if not data:
                        raise ConnectionResetError("the receiver ended the connection")
                    answers = list(frames.feed(data))
                answer = Message.parse(answers[0].content.decode("latin-1"))
                code = answer.get("MSA", 1) if answer else "AR"
                counts[code if code in counts else "AR"] += 1
    except OSError as error:
        raise LockgateError(
            f"sending broke off after {counts['sent']} messages and {time.monotonic() - waited:.0f} s: {error}",
            where=where,
            remedy="is `lockgate capture hl7v2 --listen` running there?",
        ) from error
    return counts
