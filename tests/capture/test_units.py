"""Which units are UCUM."""

from __future__ import annotations

import pytest

from lockgate.capture.units import is_ucum

GOOD = [
    "mg/dL", "mmol/L", "mm[Hg]", "/min", "kg/m2", "10*9/L", "10*3/uL", "10*6/uL", "%", "{score}",
    "mL/min/{1.73_m2}", "[pH]", "U/L", "[iU]/L", "kU/L", "Cel", "fL", "pg", "ug/L", "ng/mL", "s", "h", "d",
    "wk", "mo", "a", "1", "/[HPF]", "m/s", "m[H2O]", "mmol/mol", "mmol/mol{creat}", "g/(24.h)", "(mg/kg)/h",
    "mL/(kg.min)", "[degF]", "{copies}/mL", "kPa", "L/min", "mosm/kg", "meq/L", "ug/mL{FEU}", "[in_i]",
    "[lb_av]", "cm[H2O]", "10^9/L", "{INR}", "ug", "dB", "{#}", "mU/L", "nmol/L", "pmol/L", "umol/L", "g/L",
    "mg/kg", "ng/L", "[CFU]/mL", "[arb'U]/mL", "Gy", "mSv", "kcal", "eV",
]  # fmt: skip
BAD = [
    "furlong", "mmHg", "mg/dl%", "stones", "mg/", "/", "mg//dL", "bpm", "mg/(dL", ")mg", "{open", "mgs",
    "mmol/Litre", "xx", "[iX]", "10*9L", "breaths/min",
]  # fmt: skip


@pytest.mark.parametrize("code", GOOD)
def test_valid(code: str) -> None:
    assert is_ucum(code)


@pytest.mark.parametrize("code", [*BAD, "", " ", "mg / dL"])
def test_invalid(code: str) -> None:
    assert not is_ucum(code)
