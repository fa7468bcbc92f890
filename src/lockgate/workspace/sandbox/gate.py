"""The gate before real data: a strategy whose every probe has held on this machine, or a refusal."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.site.files import sha256_file, write_atomic
from lockgate.workspace.sandbox.model import Probe
from lockgate.workspace.sandbox.run import STRATEGIES
from lockgate.workspace.sandbox.selftest import TRIED, run_selftest

_CACHE = ".isolation.json"
_HOLDS_FOR = 600  # seconds a pass is believed, on the same boot, user, Python and code


@dataclass(frozen=True, slots=True)
class Isolation:
    """A strategy and how its probes came out. ``tested_at`` is in seconds since 1970."""

    strategy: str
    probes: tuple[Probe, ...]
    tested_at: float

    @property
    def holds(self) -> bool:
        """Whether every probe there is was run, and held."""
        return all(probe.ok for probe in self.probes) and {probe.name for probe in self.probes} == set(TRIED)

    @property
    def failures(self) -> list[str]:
        """Each probe that did not hold, with what it found."""
        if not self.probes:
            return [f"{self.strategy}: no probe was run"]
        return [f"{self.strategy}: {probe.name}: {probe.found}" for probe in self.probes if not probe.ok]


def candidates(site: Site) -> tuple[str, ...]:
    """The strategies to try, best first: the one ``site.toml`` names, or every one."""
    wanted = site.config.sandbox.strategy
    return STRATEGIES if wanted == "auto" else (wanted,)


def probe_isolation(site: Site, strategy: str) -> Isolation:
    """Run every probe now."""
    try:
        probes = tuple(run_selftest(strategy, site.path))
    except OSError as error:
        found = f"the self-test could not be set up: {error.strerror} ({error.filename})"
        probes = (Probe("work", False, TRIED["work"][0], found, "is the site's folder writable?"),)
    return Isolation(strategy, probes, time.time())


def _circumstances() -> dict[str, str]:
    """What a pass depends on: when any of it changes, the test runs again."""
    folder = Path(__file__).parent
    return {
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        if sys.platform == "linux"
        else "",
        "kernel": platform.release(),
        "user": str(os.geteuid()),
        "python": f"{sys.executable} {sys.version}",
        "code": ",".join(sha256_file(path)[:16] for path in sorted(folder.glob("*.py"))),
    }


def require_isolation(site: Site, *, fresh: bool = False) -> str:
    """The name of a strategy that holds here; Refused, with each failing probe, when none does.

    A pass is remembered for ten minutes; ``fresh`` tests again. A failure is never remembered.
    """
    tried = candidates(site)
    cache = site.projects / _CACHE
    now, circumstances = time.time(), _circumstances()
    if not fresh:
        try:
            known = json.loads(cache.read_bytes())
            recent = 0 <= now - float(known["tested_at"]) < _HOLDS_FOR
            if recent and known["circumstances"] == circumstances and known["strategy"] in tried:
                return str(known["strategy"])
        except (OSError, ValueError, TypeError, KeyError):
            cache.unlink(missing_ok=True)
    reasons: list[str] = []
    for strategy in tried:
        isolation = probe_isolation(site, strategy)
        if isolation.holds:
            remembered = {"strategy": strategy, "tested_at": now, "circumstances": circumstances}
            remembered["probes"] = [asdict(probe) for probe in isolation.probes]
            write_atomic(cache, json.dumps(remembered, indent=1).encode())
            return strategy
        reasons += isolation.failures
    raise Refused(
        "no isolation on this machine passes its self-test, so no job may see real data",
        reasons=reasons,
        remedy="`lockgate doctor` shows every probe; install bubblewrap, or allow user namespaces",
    )


__all__ = ["Isolation", "candidates", "probe_isolation", "require_isolation"]
