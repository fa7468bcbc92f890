"""``lockgate scrub-model``: which letters a model is trained on; how it is trained is in tests/deidentify."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.deidentify.text import KINDS, nertrain
from lockgate.synthetic.letters import SETS
from lockgate.synthetic.marked import marked


def test_a_set_that_is_left_out_is_judged_on_and_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {}

    def train(letters: Any, about: dict[str, Any], **options: Any) -> Any:
        given.update(letters=letters, about=about, **options)
        return SimpleNamespace(meta={"lockgate": about}, to_disk=lambda path: path.mkdir())

    def judge(pipeline: Any, letters: Any) -> dict[str, Any]:
        given["judged"] = letters
        return {}

    monkeypatch.setattr(nertrain, "train", train)
    monkeypatch.setattr(nertrain, "judge", judge)
    keep = list(SETS)[-2:]
    rest = [word for name in SETS if name not in keep[:1] for word in ("--without", name)]
    assert (
        run(["scrub-model", "train", "--out", str(tmp_path / "m"), "--patients", "20", "--seed", "4", *rest])
        == 0
    )
    assert given["about"]["sets"] == keep[:1]
    assert given["letters"] == marked(keep[0], 20, 4)
    assert given["judged"] == marked(keep[1], 20, 5)
    assert (tmp_path / "m").is_dir()
    assert run(["scrub-model", "train", "--out", str(tmp_path / "m")]) != 0
    assert "already" in capsys.readouterr().err
    assert run(["scrub-model", "train", "--out", str(tmp_path / "n"), "--without", "tenth of all"]) != 0
    assert "no set of letters" in capsys.readouterr().err


@pytest.mark.parametrize("name", SETS)
def test_every_mark_is_of_a_known_kind_and_holds_a_value(name: str) -> None:
    letters = marked(name, 20, 2)
    assert len(letters) > 30
    spans = [(text[span.begin : span.end], span.kind) for text, true in letters for span in true]
    assert {kind for _, kind in spans} <= set(KINDS)
    assert all(value.strip() == value != "" for value, _ in spans)
