"""Whether a unit is valid UCUM (Unified Code for Units of Measure, version 2.2, case sensitive).

A small reader of UCUM's grammar over its table of atoms: terms joined by ``.`` and ``/``, exponents, factors,
parentheses and annotations in braces.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources

_NUMBER = re.compile(r"[0-9]+")
_ANNOTATION = re.compile(r"\{[\x21-\x7a|\x7c\x7e ]*\}")
_EXPONENT = re.compile(r"[+-]?[0-9]+")
_SYMBOL = re.compile(r"(?:\[[^\[\]\s]*\]|[A-Za-z%'\"*_\[^]|10[*^])+")


@cache
def _atoms() -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """Atoms that take a metric prefix, atoms that don't, and the prefixes."""
    groups: dict[str, list[str]] = {"metric": [], "plain": [], "prefix": []}
    current = ""
    text = resources.files(__package__).joinpath("ucum.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.endswith(":") and line[:-1] in groups:
            current = line[:-1]
        else:
            groups[current].extend(line.split())
    return frozenset(groups["metric"]), frozenset(groups["plain"]), tuple(groups["prefix"])


def _is_symbol(text: str) -> bool:
    metric, plain, prefixes = _atoms()
    if text in metric or text in plain:
        return True
    return any(text.startswith(prefix) and text[len(prefix) :] in metric for prefix in prefixes)


@lru_cache(maxsize=10_000)
def is_ucum(code: str) -> bool:
    """Whether ``code`` is a valid UCUM expression: ``mm[Hg]``, ``10*9/L``, ``mL/min/{1.73_m2}``, ``/min``."""
    end = _term(code, 0)
    return bool(code) and end == len(code)


def _term(text: str, place: int) -> int:
    """The place after a term, or -1."""
    if text[place : place + 1] == "/":
        place += 1
    while True:
        place = _component(text, place)
        if place < 0 or place == len(text) or text[place] not in "./":
            return place
        place += 1


def _component(text: str, place: int) -> int:
    if text[place : place + 1] == "(":
        inner = _term(text, place + 1)
        return inner + 1 if inner > 0 and text[inner : inner + 1] == ")" else -1
    annotation = _ANNOTATION.match(text, place)
    if annotation:
        return annotation.end()
    symbol = _longest_symbol(text, place)
    if symbol < 0:
        number = _NUMBER.match(text, place)
        return number.end() if number else -1
    exponent = _EXPONENT.match(text, symbol)
    place = exponent.end() if exponent else symbol
    annotation = _ANNOTATION.match(text, place)
    return annotation.end() if annotation else place


def _longest_symbol(text: str, place: int) -> int:
    """The place after the longest unit symbol that starts here, or -1."""
    ends = [end for end in range(place + 1, len(text) + 1) if text[end - 1] not in "./(){}"]
    stop = next((i for i in range(place, len(text)) if text[i] in "./(){}"), len(text))
    for end in sorted((end for end in ends if end <= stop), reverse=True):
        if _is_symbol(text[place:end]):
            return end
    return -1
