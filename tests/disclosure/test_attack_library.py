"""The library of attacks that the bench runs: each is stopped with its reason, and harmless outputs are not."""

from __future__ import annotations

import pytest

from lockgate.bench.disclosure_attacks import ATTACKS, ROUNDED, Attack, attempt, counts


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_each_attack_is_stopped_with_its_reason(attack: Attack) -> None:
    assert attack.stops & attempt(attack), "nothing spoke against it"


def test_harmless_outputs_are_not_stopped() -> None:
    """Else the library would prove nothing."""
    fine = Attack(
        "fine",
        frozenset(),
        lambda: counts("t", {"a": 100, "b": 235, "All": 335}, "All"),
        lambda: counts("t", {"a": 100, "b": 235, "All": 335}, "All"),
        ROUNDED,
    )
    assert attempt(fine) == set()
