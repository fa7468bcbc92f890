"""The speed of compiled rules is measured in a copy of the package, or it is said why not."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from lockgate.bench import textspeed
from lockgate.bench.textsets import Note
from lockgate.deidentify.text import Known

SETS: dict[str, Sequence[Note]] = {
    "letters": [Note("1", "Letter", "Dear Dr Marsden, seen 3/4/2021. Bleep 4417.", [], Known())] * 3
}


def test_what_cannot_be_compiled_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textspeed, "is_used", lambda: False)
    monkeypatch.setattr(textspeed, "_COMPILE", "import sys; sys.exit('there is no cc')")
    (measure,) = textspeed.compiled_speed(tmp_path, SETS)
    assert measure.measure == "speed, compiled: not measured, there is no cc"


def test_the_copy_is_what_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textspeed, "is_used", lambda: False)
    monkeypatch.setattr(
        textspeed,
        "_COMPILE",
        "import sys, lockgate; sys.exit(not lockgate.__file__.startswith(sys.path[1]))",
    )
    known, rules = textspeed.compiled_speed(tmp_path, SETS)
    assert known.measure == "speed, with the record, slowest set, compiled"
    assert known.value > 0
    assert rules.value > 0
    assert known.target == 400_000


def test_compiled_rules_that_fail_are_no_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textspeed, "is_used", lambda: False)
    monkeypatch.setattr(textspeed, "_COMPILE", "")
    monkeypatch.setattr(textspeed, "_MEASURE", "import sys; sys.exit(3)")
    with pytest.raises(subprocess.CalledProcessError):
        textspeed.compiled_speed(tmp_path, SETS)


def test_compiled_rules_in_use_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textspeed, "is_used", lambda: True)
    assert textspeed.compiled_speed(tmp_path, SETS) == []
