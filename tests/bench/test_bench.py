"""Every benchmark runs on a small input, and its answers are right. How fast it was is not tested."""

from __future__ import annotations

import pytest

from lockgate import bench
from lockgate.bench import Measure
from lockgate.errors import UsageError


@pytest.mark.slow
@pytest.mark.parametrize("name", bench.names())
def test_bench_answers_are_right(name: str) -> None:
    measures = bench.run(name, quick=True)
    assert measures
    assert [measure.measure for measure in measures if measure.correct is False] == []
    for measure in measures:
        assert {"measure", "value", "unit", "target", "peer", "peer_value", "ratio", "correct", "met"} <= set(
            measure.as_dict()
        )


def test_unknown_bench_is_refused() -> None:
    with pytest.raises(UsageError, match="no benchmark 'nonsense'"):
        bench.run("nonsense")


@pytest.mark.parametrize(
    ("measure", "ratio", "met"),
    [
        (Measure("speed", 200.0, "rows/s", target=100.0, peer="p", peer_value=50.0, correct=True), 4.0, True),
        (Measure("speed", 200.0, "rows/s", target=100.0, correct=False), None, False),
        (Measure("time", 2.0, "s", target=1.0, higher_is_better=False, peer="p", peer_value=6.0), 3.0, False),
        (Measure("time", 2.0, "s", higher_is_better=False), None, None),
    ],
)
def test_ratio_and_target(measure: Measure, ratio: float | None, met: bool | None) -> None:
    assert measure.ratio == ratio
    assert measure.met is met
