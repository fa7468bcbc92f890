"""Accounts by the name of the service before them, and e-mail addresses as they are spelt out or cut short."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
_SPELT = re.compile(
    r"(?:[\w+-]+(?: dot |\.))*[\w+-]+(?: at | ?[(\[]at[)\]] ?)[\w-]+(?:(?: dot |\.)(?:com|co|net|org|uk|nhs|ac|gov))+\b"
)
_CUT = re.compile(
    r"(?<![\w.])[A-Za-z][\w.+-]*@(?i:nhs|gmail|hotmail|yahoo|outlook|icloud|btinternet|"
    r"aol|live|sky|googlemail)\b(?!\.)"
)


def accounts(text: str, flat: str, there: There) -> Iterator[Span]:
    """Such accounts and addresses. ``flat`` is the text in lower case."""
    for match in _SERVICES.matches(_HANDLE, text, there):
        yield Span(match.start(1), match.end(1), URL)
    if " dot " in flat or ((".net" in flat or ".com" in flat or ".uk" in flat) and " at " in flat):
        for match in _SPELT.finditer(text):
            yield Span(match.start(), match.end(), EMAIL)
    if "@" in text:
        for match in _CUT.finditer(text):
            yield Span(match.start(), match.end(), EMAIL)
