"""Where an expression on numbers is tried: wherever it could hold, so that nothing is missed."""

import random
import re

import pytest

import lockgate.deidentify.text.engine  # noqa: F401 - every expression is there once the rules are
from lockgate.deidentify.text.digits import EXPRESSIONS, Expression, begins
from lockgate.deidentify.text.fold import outline

_DRAW = random.Random(217)
_MARKS = " .,/-:;()+%#\n\t\u00a3\u00e9'"
_WORDS = ("x", "ext ", "M", "F ", "AB", "The Elm", " Elm Road", " elm grove", "th", "st ", "T", "mg", "CD", "A", "no ",
          " 2 The Elm", " Elm Mount", " 17 Elm Mount", " 22/4 Elm Road", " 03/2019", " 07/26 ",
          " 4/3-9/3", " 4-9/3/22", " 06 02 2023", " 1/ii/23", " 95th ")  # fmt: skip
_FORMS = ("0000 0000 0000", "00-00-00", "000-00-0000", "000.000.0.00", "(000) 000-0000", "A000 0000", "00A00000",
          "00A0000A", "0000-00-00", "/0000-00-00", "00/00/0000", "0 00 00", "000 000 000", "00000/00", "AA00 AAA",
          "00 00 00 A", "0000000", "+00 000 0000000", "0000 000 0000", "0. 0. 00", "0                0")  # fmt: skip


def _text() -> str:
    parts = []
    for _ in range(_DRAW.randint(1, 9)):
        kind = _DRAW.random()
        if kind < 0.3:
            parts.append("".join(_DRAW.choice("0123456789") for _ in range(_DRAW.randint(1, 5))))
        elif kind < 0.5:
            form = re.sub("0", lambda _: _DRAW.choice("0123456789"), _DRAW.choice(_FORMS))
            parts.append(form.replace("A", _DRAW.choice("ABCE")))
        elif kind < 0.8:
            parts.append(_DRAW.choice(_MARKS))
        else:
            parts.append(_DRAW.choice(_WORDS))
    return "".join(parts)


_TEXTS = [_text() for _ in range(4000)]
_PLACES = [begins(outline(text)) for text in _TEXTS]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda expression: expression.pattern.pattern[:40])
def test_an_expression_finds_what_it_finds_when_it_is_tried_everywhere(expression: Expression) -> None:
    found = 0
    for text, places in zip(_TEXTS, _PLACES, strict=True):
        everywhere = [match.span() for match in expression.pattern.finditer(text)]
        assert [match.span() for match in expression.finditer(text, places)] == everywhere, text
        found += len(everywhere)
    assert found, "the texts hold nothing that it finds"
