"""Accounts by the name of the service before them, and e-mail addresses as they are spelt out or cut short."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.spans import EMAIL, URL, Span

_SERVICES = Beginnings(
    "insta", "snap", "tiktok", "twitter", "facebook", "discord", "xbox", "psn", "gamertag", "twitch", "username",
    "user name", "logged in as", "telegram", "handle",
)  # fmt: skip
_HANDLE = re.compile(
    r"(?<!\w)(?i:insta(?:gram)?|snap(?:chat)?|tiktok|twitter|facebook|discord|xbox|psn|gamertag|twitch|username|"
    r"user name|logged in as|telegram|handle)(?: (?i:account|name|user|handle|id|as|is)){0,2}[ :=-]{1,3}['\"]?"
    r"((?=[\w.]*[\d_.]\w)[A-Za-z][\w.]{3,28}\w)(?![\w@])"
)
# Whose account it is, before "at", and where it is: "jo dot bell" "at gmail dot com".
_WHOSE = re.compile(r"(?:[\w+-]+(?: dot |\.))*[\w+-]+\Z")
_SPELT = re.compile(r"(?: at | ?[(\[]at[)\]] ?)[\w-]+(?:(?: dot |\.)(?:com|co|net|org|uk|nhs|ac|gov))+\b")
_AT = Beginnings(" at ", " (at)", " [at]", "(at)", "[at]")
_WHOSE_CUT = re.compile(r"(?<![\w.])[A-Za-z][\w.+-]*\Z")
_CUT = re.compile(r"@(?i:nhs|gmail|hotmail|yahoo|outlook|icloud|btinternet|aol|live|sky|googlemail)\b(?!\.)")
# So many characters before "at" are looked at.
_REACH = 80


def accounts(text: str, flat: str, there: There) -> Iterator[Span]:
    """Such accounts and addresses. ``flat`` is the text in lower case."""
    for match in _SERVICES.matches(_HANDLE, text, there):
        yield Span(match.start(1), match.end(1), URL)
    if " dot " in flat or ((".net" in flat or ".com" in flat or ".uk" in flat) and " at " in flat):
        yield from _with_whose(text, _AT.matches(_SPELT, text, there), _WHOSE)
    if "@" in text:
        yield from _with_whose(text, _CUT.finditer(text), _WHOSE_CUT)


def _with_whose(text: str, matches: Iterable[re.Match[str]], whose: re.Pattern[str]) -> Iterator[Span]:
    """The matches of where an account is, each with whose it is before it."""
    done = 0
    for match in matches:
        if own := whose.search(text, max(done, match.start() - _REACH), match.start()):
            done = match.end()
            yield Span(own.start(), done, EMAIL)
