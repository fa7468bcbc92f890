"""Comments grouped into themes: what is told of odd ones, training and judging, and the tables of a release."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lockgate.catalogue.feedback import themes_of
from lockgate.curate import build_release, open_release
from lockgate.curate.feedback import load, packed
from lockgate.curate.feedback.judge import judge, splits
from lockgate.curate.feedback.labelled import read_labelled
from lockgate.curate.feedback.train import train
from lockgate.disclosure import Rules
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site import Site

THEMES = {
    "Food": ["soup", "dinner", "breakfast"],
    "Waiting": ["waited", "delay", "queue"],
    "Staff": ["nurse", "kind", "rude"],
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred comments, each with one word of its theme, of two trusts."""
    path = tmp_path_factory.mktemp("feedback") / "labelled.csv"
    ways = [
        "the {} was much as hoped",
        "they said {} again today",
        "about {} i would say more",
        "we had {} twice",
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["comment", "Trust", "sentiment", *THEMES])
        for number in range(300):
            theme = list(THEMES)[number % 3]
            word = THEMES[theme][number // 3 % 3]
            text = f"{ways[number % 4].format(word)} {'ward' * (number % 5 > 2)} day {'x' * (2 + number % 7)}"
            out.writerow(
                [
                    text,
                    "AB"[number // 36 % 2],
                    1 + number % 5,
                    *("1" if theme == each else "" for each in THEMES),
                ]
            )
        out.writerow(["", "A", "", "", "", ""])
    return path


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        (None, "empty"),
        (" \n", "empty"),
        ("n/a", "too short"),
        ("Nothing.", "too short"),
        ("Excellent", "too short"),
        ("🙂 🙂 🙂", "too short"),
        ("[NAME]", "too short"),
        ("Le personnel etait vraiment tres gentil", "words unknown"),
        ("zzz qqq", "words unknown"),
    ],
)
def test_a_comment_that_says_nothing_has_no_theme_and_says_why(comment: str | None, reason: str) -> None:
    (answer,) = packed().classify([comment])
    assert (answer.themes, answer.reason) == ((), reason)


def test_the_packed_model_tells_plain_comments_apart() -> None:
    waited, food = packed().classify(["Waited five hours and nobody came", "The food was cold and tasteless"])
    assert waited.themes == ("Timeliness of care",) and waited.tone == "critical"
    assert "Food & drink provision & facilities" in food.themes


def test_a_trained_model_is_kept_whole_and_judged_on_comments_it_has_not_seen(
    labelled: Path, tmp_path: Path
) -> None:
    data = read_labelled(labelled)
    model = train(data, {"source": "made up"}, without=frozenset({"queue"}))
    model.save(tmp_path / "model.npz")
    again = load(tmp_path / "model.npz")
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()
    assert again.themes == tuple(THEMES) and "queue" not in again.vocabulary and "soup" in again.vocabulary
    (answer,) = again.classify(["the soup was much as hoped"])
    assert answer.themes == ("Food",)
    for name, (learn, judged) in splits(data).items():
        assert not (learn & judged).any()
        found = judge(data, name, learn, judged, min_marks=20)
        value, low, high = found.figures["macro F1, model"]
        assert low <= value <= high and value > 0.9 > found.figures["macro F1, keywords"][0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no model", b"comment,a\n"])
def test_what_is_no_model_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a model"):
        load(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n", "no column holds the comments"),
        (b"comment,score\nhello there,7\n", "no column marks a theme"),
        (b"comment,food\n\xff\xfe,1\n", "can't be read"),
    ],
)
def test_a_file_without_labels_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "labelled.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=told):
        read_labelled(path)


def test_a_release_tells_themes_and_only_large_counts_of_them(
    site: Site, stage: Callable[..., None], rows_of: Callable[..., list[tuple[Any, ...]]]
) -> None:
    said = (
        ["Waited five hours and nobody came"] * 12 + ["The food was cold and tasteless"] * 3 + ["n/a", None]
    )
    rows = [
        {"id": f"f{number}", "received_on": date(2025, 3, 1), "rating": 2, "comment": text}
        for number, text in enumerate(said)
    ]
    stage(site, patient=[{"id": "p1", "birth_date": date(1970, 1, 1)}], feedback=rows)
    build_release(site, actor="test", at=date(2026, 10, 10))
    release = open_release(site)
    told = rows_of(release, "feedback", "comment", "themes", "no_theme")
    assert {themes for text, themes, _ in told if text and text.startswith("Waited")} == {
        "Timeliness of care"
    }
    assert {(themes, why) for text, themes, why in told if text == "n/a"} == {(None, "too short")}
    with Engine() as engine:
        found = themes_of(engine, release, Rules(threshold=10, rounding=5))
    assert found is not None
    shown = {key[0]: int(n) for key, n, hidden in _cells(found.tables[0]) if not hidden}
    assert shown["Timeliness of care"] == 10
    assert "Food & drink provision & facilities" not in shown and "not classified" not in shown


def _cells(table: Any) -> list[tuple[tuple[str, ...], int, bool]]:
    counts = table.counts["comments"]
    return list(zip(table.keys, counts.values, counts.hidden, strict=True))
