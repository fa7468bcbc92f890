"""A job's code from a git repository: fetched outside the sandbox, one pinned commit, nothing of it run.

The commit's objects are fetched into an empty repository of our own and its files written by us: there is no
checkout, so no hook, filter, submodule or attribute of the repository is ever obeyed. Only hosts and folders that
``[code]`` in site.toml names are asked.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SECONDS = 120
_POINTER = b"version https://git-lfs.github.com/spec/"
_PLAIN = ("100644", "100755", "100664")
_PASSED_ON = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
)
_TRUSTED = {
    "GIT_SSL_CAINFO": "SSL_CERT_FILE",
    "GIT_SSL_CAPATH": "SSL_CERT_DIR",
}  # git knows only the first of each
# what git says -> what it means, what to do
_MEANINGS = (
    (
        r"resolve (host|proxy)",
        "the host's name can't be looked up",
        "is the name right, and has this machine DNS?",
    ),
    (
        r"certificate|SSL|TLS",
        "the host's certificate is not trusted here",
        "give its authority in SSL_CERT_FILE",
    ),
    (
        r"Username|Authentication|error: 40[13]",
        "the repository wants a sign-in, and none is ever given",
        "let this machine read it without one, or keep a copy in a folder that [code] folders names",
    ),
    (
        r"error: 3\d\d|redirect",
        "the host sends us elsewhere, which is not followed",
        "give the address it sends to",
    ),
    (r"not our ref|remote ref", "the repository has no such commit", "was it pushed?"),
    (r"not found|does not (exist|appear)", "there is no such repository", "is the address right?"),
    (
        r"connect|timed out|reset|hung up",
        "the host does not answer",
        "is it up, and may this machine reach it?",
    ),
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where code came from: the repository as it was named, and the commit's full name."""

    url: str
    commit: str

    def as_dict(self) -> dict[str, str]:
        """The source as JSON values."""
        return {"git": self.url, "commit": self.commit}


@contextmanager
def fetched(site: Site, url: str, commit: str) -> Iterator[tuple[Path, Source]]:
    """The files of one commit in a folder that goes when the block ends.

    UsageError for a commit that isn't named in full; Refused for a place that the site doesn't allow, and for links,
    submodules, files kept by LFS, odd names, too many or too large files; LockgateError where git can't fetch it.
    """
    address = check_source(site, url, commit)
    with tempfile.TemporaryDirectory(prefix="lockgate-git-") as aside:
        store, tree = Path(aside, "store"), Path(aside, "code")
        git = _Git(store, Path(aside, "config"), site.config.code.max_mb)
        git.run("init", "--quiet", "--bare", "--template=", str(store), inside=False)
        git.run(
            "fetch", "--quiet", "--no-tags", "--depth=1", "--no-recurse-submodules", "--no-write-fetch-head",
            "--", address, commit,
        )  # fmt: skip
        if git.run("cat-file", "-t", commit).strip() != b"commit":
            raise UsageError(f"{commit[:12]} is no commit", where=url)
        _write_tree(git, commit, tree, site.config.code.max_mb)
        yield tree, Source(url, commit)


def check_source(site: Site, url: str, commit: str) -> str:
    """What git is asked for. Refused unless the site allows it; UsageError unless the commit is named in full."""
    address = _allowed(site, url)
    if not _COMMIT.fullmatch(commit):
        raise UsageError(
            "a commit is named in full: 40 hexadecimal digits, small letters",
            where="commit",
            remedy="`git rev-parse HEAD` in the repository says it; branches and tags can move",
        )
    return address


def _allowed(site: Site, url: str) -> str:
    """What git is asked for; Refused unless the site allows it."""
    parts = urlsplit(url)
    code = site.config.code
    remedy = "[code] hosts and folders in site.toml say where code may come from"
    if parts.scheme == "https" and parts.hostname:
        if parts.username or parts.password or parts.query or parts.fragment:
            raise Refused("the address holds more than a repository", reasons=["a name, password or query"])
        host = parts.hostname + (f":{parts.port}" if parts.port else "")
        if host not in code.hosts:
            raise Refused(
                "code may not come from there",
                reasons=[f"{host} is not among the site's hosts"],
                remedy=remedy,
            )
        return url
    folder = Path(parts.path if parts.scheme == "file" else url)
    if parts.scheme in ("", "file") and not parts.netloc and folder.is_absolute():
        real = folder.resolve()
        if not any(real.is_relative_to(Path(allowed).resolve()) for allowed in code.folders):
            raise Refused(
                "code may not come from there",
                reasons=["the folder is not among the site's folders"],
                remedy=remedy,
            )
        if not real.is_dir():
            raise UsageError("there is no such repository", where=str(folder))
        return f"file://{real}"
    raise Refused(
        "code comes from an https:// address or a folder of this machine",
        reasons=["another kind of address"],
        remedy=remedy,
    )


class _Git:
    """git with none of anybody's configuration, no prompts, and limits."""

    def __init__(self, store: Path, config: Path, most_mb: int) -> None:
        config.write_text(
            "[safe]\n\tdirectory = *\n"
        )  # reads others' repositories; what they configure is not obeyed
        self.store, self.most = store, most_mb * 4 << 20
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(config.parent),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": "https:file",
            **{ours: value for ours, name in _TRUSTED.items() if (value := os.environ.get(name))},
            **{name: value for name in _PASSED_ON if (value := os.environ.get(name))},
        }

    def run(self, *words: str, inside: bool = True, given: bytes = b"") -> bytes:
        """What a git command prints; LockgateError, without its words, when it fails."""
        settings = ["core.hooksPath=/dev/null", "http.followRedirects=false", "fetch.fsckObjects=true"]
        settings += ["gc.auto=0", "credential.helper=", "core.fsmonitor=false", "protocol.version=2"]
        options = [part for setting in settings for part in ("-c", setting)]
        place = [f"--git-dir={self.store}"] if inside else []
        most = self.most
        try:
            ran = subprocess.run(
                ["git", *options, *place, *words],
                env=self.environment,
                input=given,
                capture_output=True,
                timeout=_SECONDS,
                cwd="/",
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
                check=False,
            )
        except FileNotFoundError as error:
            raise LockgateError(
                "git is not installed", remedy="Debian and Ubuntu: apt install git"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise LockgateError(f"git took longer than {_SECONDS} seconds") from error
        if ran.returncode:
            said = _last_words(ran.stderr)
            meant = (f"{means}: {remedy}" for sign, means, remedy in _MEANINGS if re.search(sign, said, re.I))
            remedy = next(meant, "is the address right, and has it this commit?")
            raise LockgateError(
                f"git {words[0]} failed", where="the repository", remedy=f"{remedy} git said: {said}"
            )
        return ran.stdout


def _last_words(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return ascii(lines[-1][:200])[1:-1] if lines else "nothing"


def _write_tree(git: _Git, commit: str, target: Path, most_mb: int) -> None:
    """The files of a commit, written plainly; Refused, with every reason, for what is no plain file."""
    entries = []
    reasons = []
    size = 0
    for line in git.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0")[:-1]:
        facts, _, raw = line.partition(b"\t")
        mode, kind, name, length = facts.decode("ascii").split()
        path = raw.decode("utf-8", "surrogateescape")
        shown = ascii(path)[1:-1]
        if mode == "120000":
            reasons.append(f"{shown} is a link")
        elif kind == "commit":
            reasons.append(f"{shown} is a submodule: put its files into the repository")
        elif mode not in _PLAIN:
            reasons.append(f"{shown} is no plain file")
        elif any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
            reasons.append(f"{shown} leads out of the repository")
        else:
            size += int(length)
            entries.append((name, path))
    if size > most_mb << 20:
        reasons.append(f"it is larger than {most_mb} MB: data belongs elsewhere")
    if not reasons:
        target.mkdir()
        for (_, path), content in zip(entries, _blobs(git, [name for name, _ in entries]), strict=True):
            if content.startswith(_POINTER):
                reasons.append(f"{ascii(path)[1:-1]} is kept by git LFS, whose files are not fetched")
                continue
            copy = target / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
    if reasons:
        raise Refused("the repository can't be taken in", reasons=reasons[:50], where=commit[:12])


def _blobs(git: _Git, names: list[str]) -> Iterator[bytes]:
    """The contents of objects, in order."""
    said = git.run("cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode())
    at = 0
    for _ in names:
        end = said.index(b"\n", at)
        length = int(said[at:end].split()[2])
        yield said[end + 1 : end + 1 + length]
        at = end + 2 + length
