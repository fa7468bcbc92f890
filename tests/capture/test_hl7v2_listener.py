"""The MLLP listener: acknowledged means on disk; nothing is lost and nothing doubled, wherever it is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.capture import list_held, status
from lockgate.capture.hl7v2 import listen  # noqa: F401  (the process below runs it)
from lockgate.capture.hl7v2.listener import Listener
from lockgate.capture.hl7v2.message import Message
from lockgate.capture.hl7v2.mllp import END, START, Frames, acknowledgement, verdict
from lockgate.capture.hl7v2.spool import Spool
from lockgate.errors import Refused
from lockgate.site import Site


def admission(number: int, event: str = "A01") -> bytes:
    """An invented admission with a control id and people of its own."""
    return (
        f"MSH|^~\\&|PAS|RXX|LG|LG|20240301090000||ADT^{event}|C{number}|P|2.4\rEVN|{event}|20240301090000\r"
        f"PID|1||{number}^^^RXX^MR||DOE^JO||19700101|F\rPV1|1|I|W7||||||||||||||||V{number}\r"
    ).encode()


class Running:
    """A listener in a process of its own."""

    def __init__(self, site: Path, every: float, batch: int) -> None:
        code = (
            "import sys; from lockgate.site import Site; from lockgate.capture.hl7v2 import listen;"
            "listen(Site.open(sys.argv[1]), '127.0.0.1:0', source='pas', actor='test',"
            " every=float(sys.argv[2]), batch=int(sys.argv[3]))"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(site), str(every), str(batch)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if "listening on" in line:
                self.port = int(line.split(" port ")[1].split()[0])
                return
        raise AssertionError("the listener ended before it listened")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def end(self, sign: int) -> int:
        self.process.send_signal(sign)
        code = self.process.wait(timeout=120)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


def answer(connection: socket.socket, frames: Frames) -> str:
    """The next acknowledgement's code."""
    while True:
        data = connection.recv(65536)
        if not data:
            return ""
        for piece in frames.feed(data):
            message = Message.parse(piece.content.decode())
            assert message is not None
            return message.get("MSA", 1)


@pytest.fixture
def running(site: Site) -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_answers_over_several_connections_and_a_clean_stop(site: Site, running: list[Running]) -> None:
    running.append(Running(site.path, 3600, 10_000))
    with running[0].connect() as one, running[0].connect() as two:
        frames = Frames(1 << 20), Frames(1 << 20)
        one.sendall(START + admission(1)[:40])
        two.sendall(b"\r\n" + START + admission(2) + END)
        assert answer(two, frames[1]) == "AA"
        one.sendall(admission(1)[40:] + END)
        assert answer(one, frames[0]) == "AA"
        for content, code in (
            (admission(1), "AA"),  # sent again
            (admission(3, "A99"), "AE"),
            (b"GET / HTTP/1.1", "AR"),
            (b"MSH|^~\\&|" + b"x" * (site.config.hl7v2.max_message_kb * 1024 + 10), "AR"),
            (admission(4).replace(b"DOE", b"D\xd6E"), "AE"),
            (admission(5), "AA"),
        ):
            one.sendall(START + content + END)
            assert answer(one, frames[0]) == code
        two.sendall(START + admission(6)[:60])  # never whole: never acknowledged, not kept
    assert running[0].end(signal.SIGTERM) == 0
    counts = status(site)
    assert (counts["received"], counts["quarantined"], counts["duplicates"]) == (7, 3, 1)
    assert counts["adds_up"]
    assert list_held(site)[0] == {"not-hl7": 1, "unknown-message": 1, "wrong-charset": 1}


@pytest.mark.parametrize("pause", [0.0, 0.6, 1.5])
def test_killed_at_several_points_nothing_is_lost_or_doubled(
    site: Site, running: list[Running], pause: float
) -> None:
    running.append(Running(site.path, 0.3, 5))
    acknowledged = 0
    with running[0].connect() as connection:
        frames = Frames(1 << 20)
        for number in range(23):
            connection.sendall(START + admission(number) + END)
            if answer(connection, frames) == "AA":
                acknowledged += 1
        connection.sendall(START + admission(99)[:50])
        time.sleep(pause)
        running[0].end(signal.SIGKILL)
    assert acknowledged == 23
    running.append(Running(site.path, 3600, 10_000))
    assert running[1].end(signal.SIGTERM) == 0
    counts = status(site)
    assert (counts["received"], counts["staged"], counts["duplicates"]) == (23, 23, 0)
    assert not list((site.landing / ".mllp" / "pas").glob("*.*l*p*"))


def test_a_crash_between_the_batch_and_the_end_of_its_file(site: Site) -> None:
    listener = Listener(site, "pas", "test", every=1, batch=1)
    listener.spool.write([admission(1), admission(2)])
    listener.spool.rotate()
    (file,) = listener.spool.waiting()
    kept = file.path.read_bytes()
    listener.drain()
    file.path.write_bytes(kept)  # as if it had been killed before the file went
    listener.drain()
    assert not file.path.exists()
    assert status(site)["received"] == 2
    listener.spool.close()


def test_what_a_crash_left_open_is_cut_to_whole_messages(site: Site) -> None:
    spool = Spool(site, "pas")
    spool.write([admission(1)])
    (part,) = spool.folder.glob("*.part")
    with part.open("ab") as stream:
        stream.write(START + admission(2)[:30])
    os.close(spool._lock)  # the process is gone: the lock with it, the file as it was
    again = Spool(site, "pas")
    assert again.recovered_bytes == 31
    assert [file.path.read_bytes() for file in again.waiting()] == [START + admission(1) + END]
    with pytest.raises(Refused, match="another listener"):
        Spool(site, "pas")
    again.close()


def test_frames_bound_what_they_hold_whatever_the_cuts() -> None:
    stream = b"noise" + START + b"one" + END + b"\r\n" + START + b"x" * 500 + END + START + b"two" + END
    for step in (1, 2, 3, 7, 1000):
        frames, pieces = Frames(100), []
        for place in range(0, len(stream), step):
            pieces += list(frames.feed(stream[place : place + step]))
            assert len(frames._held) <= 100 + step + 2
        assert [(p.content, p.framed) for p in pieces if not p.too_large] == [
            (b"noise", False),
            (b"one", True),
            (b"two", True),
        ]
        assert sum(p.too_large for p in pieces) == 1


def test_an_answer_names_the_message_and_turns_its_addresses_round() -> None:
    message = Message.parse(acknowledgement(admission(7), "AE", "a|b").decode().strip("\x0b\x1c\r"))
    assert message is not None
    assert [message.get("MSH", n) for n in (3, 5, 9)] == ["LG", "PAS", "ACK^A01"]
    assert [message.get("MSA", n) for n in (1, 2, 3)] == ["AE", "C7", "a b"]
    assert verdict(admission(1), "UNICODE UTF-8")[0] == "AA"
    assert (
        verdict(admission(1).replace(b"PID|1||1^", b"PID|1||^"), "UNICODE UTF-8")[0] == "AA"
    )  # told when staged
