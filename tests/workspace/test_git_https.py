"""Code from a real https server: one pinned commit comes, and what goes wrong is told by its cause."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.workspace.git import fetched

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("openssl") is None, reason="no git or openssl here"
)


class Backend(BaseHTTPRequestHandler):
    """git's own http-backend, as a web server runs it."""

    root: Path
    asked: list[tuple[str, str | None]]

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        self.asked.append((path, self.headers.get("Authorization")))
        if path.startswith("/private.git"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if path.startswith("/moved.git"):
            self.send_response(302)
            self.send_header("Location", f"/study.git{path.removeprefix('/moved.git')}?{query}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        ran = subprocess.run(
            ["git", "-c", "safe.directory=*", "http-backend"],
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            },
            input=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            capture_output=True,
            check=False,  # it ends so where it is asked for what is not there, and says it in its answer
        )
        head, _, body = ran.stdout.partition(b"\r\n\r\n")
        told = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(told.pop("Status", "200").split()[0]))
        for name, value in told.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def host(tmp_path, site, monkeypatch):
    """A site that allows an https host, the host's address, its certificate, and two commits of its repository."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    work = tmp_path / "work"
    work.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words):
        names = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        ran = subprocess.run(
            ["git", *names, *words], cwd=work, env=environment, capture_output=True, check=True
        )
        return ran.stdout.decode().strip()

    git("init", "-q")
    commits = []
    for text in ("print(1)", "print(2)"):
        (work / "main.py").write_text(text)
        git("add", "-A")
        git("commit", "-q", "-m", "x")
        commits.append(git("rev-parse", "HEAD"))
    git("clone", "-q", "--bare", str(work), str(tmp_path / "served" / "study.git"))
    handler = type("Handler", (Backend,), {"root": tmp_path / "served", "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # a client that does not trust us hangs up
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        silent = f"localhost:{free.getsockname()[1]}"
    name = f"localhost:{server.server_port}"
    toml = site.path / "site.toml"
    toml.write_text(f'{toml.read_text()}\n[code]\nhosts = ["{name}", "{silent}", "nowhere.invalid"]\n')
    for variable in ("SSL_CERT_FILE", "GIT_SSL_CAINFO", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    yield Site.open(site.path), name, silent, certificate, commits, handler.asked
    server.shutdown()
    server.server_close()


def test_a_pinned_commit_comes_over_https_and_no_other(host, monkeypatch):
    site, name, _, certificate, (first, last), asked = host
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for commit, text in ((first, "print(1)"), (last, "print(2)")):
        with fetched(site, f"https://{name}/study.git", commit) as (tree, source):
            assert {path.name: path.read_text() for path in tree.iterdir()} == {"main.py": text}
            assert source.as_dict() == {"git": f"https://{name}/study.git", "commit": commit}
    assert asked
    assert {sent for _, sent in asked} == {None}  # no credential was ever offered


def test_what_goes_wrong_over_https_is_told_by_its_cause(host, monkeypatch, tmp_path):
    site, name, silent, certificate, (first, _), asked = host

    def told(url: str, commit: str = first) -> str:
        with pytest.raises(LockgateError) as error, fetched(site, url, commit):
            pass
        return error.value.remedy

    assert "certificate is not trusted" in told(f"https://{name}/study.git")
    assert asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (tmp_path / ".netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "no such commit" in told(f"https://{name}/study.git", "1" * 40)
    assert "no such repository" in told(f"https://{name}/other.git")
    assert "wants a sign-in" in told(f"https://{name}/private.git")
    assert "sends us elsewhere" in told(f"https://{name}/moved.git")
    assert "does not answer" in told(f"https://{silent}/study.git")
    assert "can't be looked up" in told("https://nowhere.invalid/study.git")
    assert {sent for _, sent in asked} == {None}
    with pytest.raises(Refused) as refusal, fetched(site, f"https://me:secret@{name}/study.git", first):
        pass
    assert "secret" not in f"{refusal.value} {refusal.value.reasons} {refusal.value.remedy}"
