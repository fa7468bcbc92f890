"""Code from a git repository: one pinned commit, from where the site allows, and nothing of it obeyed."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.workspace.git import fetched

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


@pytest.fixture
def repository(tmp_path, site):
    """A repository that the site allows, and a function that commits what is in it."""
    folder = tmp_path / "repositories" / "study"
    folder.mkdir(parents=True)
    toml = site.path / "site.toml"
    toml.write_text(
        toml.read_text()
        + f'\n[code]\nfolders = ["{folder.parent}"]\nhosts = ["git.example.org"]\nmax_mb = 1\n'
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    names = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "protocol.file.allow=always"]

    def git(*words, where=folder):
        ran = subprocess.run(
            ["git", *names, *words], cwd=where, env=environment, capture_output=True, check=True
        )
        return ran.stdout.decode().strip()

    def commit(**files):
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "x")
        return git("rev-parse", "HEAD")

    git("init", "-q")
    return Site.open(site.path), folder, git, commit


def test_a_commit_is_fetched_and_no_other(repository, tmp_path):
    site, folder, git, commit = repository
    first = commit(main__py="print(1)")
    commit(main__py="print(2)", more__py="")
    with fetched(site, str(folder), first) as (tree, source):
        assert {path.name: path.read_text() for path in tree.iterdir()} == {"main.py": "print(1)"}
        assert source.as_dict() == {"git": str(folder), "commit": first}
    assert not tree.exists()
    bare = folder.parent / "bare.git"
    git("clone", "-q", "--bare", str(folder), str(bare), where=tmp_path)
    with fetched(site, f"file://{bare}", first) as (tree, _):
        assert (tree / "main.py").read_text() == "print(1)"


def test_nothing_of_a_repository_runs(repository, tmp_path):
    site, folder, git, commit = repository
    marker = tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {marker}\n"
    for name in ("post-checkout", "post-merge", "reference-transaction", "pre-auto-gc", "fsmonitor"):
        hook = folder / ".git" / "hooks" / name
        hook.write_text(script)
    (folder / ".gitattributes").write_text("*.py filter=evil\n")
    head = commit(main__py="print(1)")
    for hook in (folder / ".git" / "hooks").iterdir():
        hook.chmod(0o755)
    for setting in ("filter.evil.smudge", "core.fsmonitor", "uploadpack.packObjectsHook", "core.sshCommand"):
        git("config", setting, str(folder / ".git" / "hooks" / "post-checkout"))
    with fetched(site, str(folder), head) as (tree, _):
        assert (tree / "main.py").read_text() == "print(1)"
    assert not marker.exists()


def test_links_submodules_and_lfs_are_refused_each_by_name(repository, tmp_path):
    site, folder, git, commit = repository
    (folder / "passwd").symlink_to("/etc/passwd")
    head = commit(main__py="")
    with pytest.raises(Refused) as refusal, fetched(site, str(folder), head):
        pass
    assert refusal.value.reasons == ["passwd is a link"]
    (folder / "passwd").unlink()
    git("update-index", "--add", "--cacheinfo", f"160000,{head},other")
    git("commit", "-q", "-m", "submodule")
    with pytest.raises(Refused) as refusal, fetched(site, str(folder), git("rev-parse", "HEAD")):
        pass
    assert any("other is a submodule" in reason for reason in refusal.value.reasons)
    git("rm", "-q", "--cached", "other")
    head = commit(data__csv="version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(Refused) as refusal, fetched(site, str(folder), head):
        pass
    assert refusal.value.reasons == ["data.csv is kept by git LFS, whose files are not fetched"]
    head = commit(data__csv="x" * (2 << 20))
    with pytest.raises(Refused, match="taken in") as refusal, fetched(site, str(folder), head):
        pass
    assert "larger than 1 MB" in refusal.value.reasons[0]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://elsewhere.example.org/x.git", "not among the site's hosts"),
        ("https://git.example.org:8443/x.git", "not among the site's hosts"),
        ("https://me:secret@git.example.org/x.git", "a name, password or query"),
        ("https://git.example.org/x.git?token=1", "a name, password or query"),
        ("http://git.example.org/x.git", "another kind of address"),
        ("git@git.example.org:x.git", "another kind of address"),
        ("ssh://git.example.org/x.git", "another kind of address"),
        ("ext::sh -c touch% /tmp/x", "another kind of address"),
        ("--upload-pack=touch /tmp/x", "another kind of address"),
        ("../repositories/study", "another kind of address"),
        ("/etc", "not among the site's folders"),
        ("file:///etc", "not among the site's folders"),
        ("file://git.example.org/etc", "another kind of address"),
    ],
)
def test_other_places_are_refused(repository, url, reason):
    site, *_ = repository
    with pytest.raises(Refused) as refusal, fetched(site, url, "0" * 40):
        pass
    assert reason in refusal.value.reasons[0]
    assert "secret" not in str(refusal.value)


def test_a_link_out_of_the_allowed_folder(repository):
    site, folder, *_ = repository
    (folder.parent / "out").symlink_to("/etc")
    with pytest.raises(Refused, match="may not come"), fetched(site, str(folder.parent / "out"), "0" * 40):
        pass


def test_a_commit_is_named_in_full_and_there(repository):
    site, folder, git, commit = repository
    head = commit(main__py="")
    for short in ("main", head[:12], head.upper(), "HEAD", f"{head}^"):
        with pytest.raises(UsageError, match="named in full"), fetched(site, str(folder), short):
            pass
    with pytest.raises(LockgateError, match="git fetch failed"), fetched(site, str(folder), "1" * 40):
        pass
    tree = git("rev-parse", f"{head}^{{tree}}")
    with pytest.raises(LockgateError), fetched(site, str(folder), tree):
        pass
    with pytest.raises(UsageError, match="no such repository"), fetched(site, str(folder / "x"), head):
        pass


@pytest.mark.sandbox
def test_a_job_from_a_repository_records_its_commit(repository, project):
    from lockgate.workspace import run_job

    site, folder, _, commit = repository
    head = commit(main__py="from lockgate import outputs\noutputs.text('about', 'Words.')\n")
    result = run_job(site, "p0001", git=(str(folder), head), author="ada")
    assert result.status == "succeeded", result.log_file.read_text()
    assert result.details["source"] == {"git": str(folder), "commit": head}
    started = next(entry for entry in site.audit.entries() if entry.event == "job.started")
    assert started.detail["commit"] == head
