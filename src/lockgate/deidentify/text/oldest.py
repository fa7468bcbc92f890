"""Ages of 90 and more: in digits after and before what tells an age, and in words ("ninety-one", "in her nineties")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.spans import AGE, Span

_NUMBER = Expression(
    r"[91](?<![\w,/+~-][91])(?<!\d\.[91])(?:(?<=9)\d|(?<=1)[01]\d)(?!\d|\.\d|[%:])",
    rb"(?<![Aa0,/+~-])000?(?!0|\.0|[%:])",
)
_SEXED = Expression(
    r"[MF](?<![A-Za-z0-9][MF]) ?(9\d|1[01]\d)(?!\d|\.\d|[%:/])",
    rb"(?<![Aa0])A ?000?(?!0|\.0|[%:/])",
    steps=(2, 1),
)
_AFTER = re.compile(
    r"\s?-?\s?(?i:years?\b|yrs?\b|y/?o\b|y\.o)|\s?/?\s?[FMfm]\b(?!/|\s?s\b)|\s?[yY]\b|"
    r"(?:st|nd|rd|th)? (?:birthday|b'?day)\b| next (?:birthday|month|week|year|[JFMASOND][a-z]{2,8})\b|"
    r" (?:lady|gentleman|gent|man|woman|male|female)\b| ?[\u2640\u2642]"
)
_UNIT = re.compile(
    r"\s?(?:%|mm|cm|m\b|mg|mcg|ml|kg|g\b|l/|/|min|sec|hrs?\b|hours?|days?|weeks?|months?|beats|bpm|kpa|mmol|"
    r"units?|degrees?|deg\b|percent|per\b|on (?:air|ra|o2|oxygen|room|exertion|admission)|of \d|out of|steps|"
    r"yards|metres|miles|x\b|x10|-\s?\d|to \d|st\b|nd\b|rd\b|th\b|cells|copies|points|marks|am\b|pm\b)",
    re.I,
)
_KIN = (
    r"mother|father|mum|mam|mummy|dad|parents?|sister|brother|sib|husband|wife|spouse|partner|auntie|aunt|uncle|"
    r"gran|nan|nana|granny|grandma|grandmother|grandfather|grandpa|grandad|granddad|cousin|neighbour|friend|"
    r"lady|gentleman|gent|man|woman|chap|patient|pt|widow|widower|landlady|landlord|resident|veteran|"
    r"mgm|mgf|pgm|pgf|mil|fil|mother-in-law|father-in-law|f|m"
)
_ADVERB = r"(?:about |around |approx\.? |circa |c\. |nearly |almost |just |only |over |now |well |also )?"
# What ends right before an age: "aged", kin and people, verbs of living and dying, a sex, a birth date, a full name.
_BEFORE = re.compile(
    r"(?:\b(?i:aged?|ages|age/sex)(?::| \(|\s)\s?" + _ADVERB + r"|"
    r"\b(?i:lived to(?: be)?|died|dead|passed(?: away)?|alive|deceased|reached|turn(?:ed|s|ing)|nearly|almost|just|"
    r"(?:at the |old |grand )age of|birthday|"
    r"(?:she|he|they|who|nan|mum|dad|gran|i)(?:'s| is| was|'ll be| will be|'m| am)|will be|"
    r"now|well|only|living|spry|sprightly|(?:lady|gentleman|man|woman|widow|widower|chap|patient|resident) of)"
    r"(?: at| aged?)? " + _ADVERB + r"|"
    r"\b(?i:died|alive|passed away|dead|d\.?)(?: [a-z]+){0,4} ?(?:at|@|aged) ?|\bd\. ?|[A-Z]{2,} ?@ ?|"
    r"\b(?i:" + _KIN + r"), [A-Z][\w'-]+(?: [A-Z][\w'-]+)?, (?:is|was) (?:now )?|"
    r"\b(?:Mr|Mrs|Ms|Miss)\.? [A-Z][\w'-]+,? (?:is|was|turned) (?:now |aged )?|"
    r"\b(?i:" + _KIN + r")(?:'s)?(?: [A-Z][\w'-]+){0,2}(?:, | ?\(| - | is | was | are |: | )" + _ADVERB + r"|"
    r"[A-Z][a-z'-]+(?: \(|, )|\b(?:Mr|Mrs|Ms|Miss)\.? [A-Z]\.? \(|"
    r"\b(?i:neighbour|friend|cousin|aunt|uncle|sister|brother|widow|widower|parent) of |"
    r"[ /.-](?:18|19)\d\d(?: \(|, )|[A-Z][a-z'-]+ [A-Z][A-Za-z'-]+ {2,5}|"
    r"\b(?:[a-z]+(?:er|or|ist|man|ess|smith)|nurse|cook|secretary|clerk) of |[A-Za-z]\), |"
    r"\b[FM], |\d[/.-]\d\d(?:\d\d)? ?/ ?|\d, \d, |\d[/.-]\d\d \(|\d{5,}, |\d{3} \d{4}, |"
    r"[A-Z][a-z'-]+ [A-Z][A-Za-z'-]+(?:,| -|:) )$"
)
# After these a number is an age only where a clause ends with it too: "(Danuta, 91, Gdynia)".
_LOOSE = re.compile(
    r"(?:[ /.-](?:18|19)\d\d(?: \(|, )| {2}|\b(?i:neighbour|friend|cousin|aunt|uncle|sister|brother|widow|"
    r"widower|parent) of |\b(?:[a-z]+(?:er|or|ist|man|ess|smith)|nurse|cook|secretary|clerk) of |[A-Za-z]\), |"
    r"[A-Z][a-z'-]+(?: \(|, )|\b(?i:well|now|only|just|almost|nearly|pt|m|f|man|patient|living) |: ?|@ ?)$"
)
_ALONE = re.compile(
    r"[),;]|\.(?!\d)|\s(?:and|who|in|lives|with|from|but|next|has|is|was|rang|came)\b|[ \t]*(?:\n|\Z)| {3}"
)
_AGED = re.compile(
    r"(?i:aged?|age/sex|died|alive|lived|passed away|(?:she|he|who) (?:is|was))(?: \w+){0,4}(?: at| @|:)?\s?$"
)
_MEASURED = re.compile(
    r"\b(?i:sats?|sao2|spo2|o2|hr|pulse|bp|rr|hb|hba1c|crp|urea|weight|wt|rate|score|bed|room|day|dose|map|egfr|gfr|"
    r"creat(?:inine)?|glucose|bm|ef|fev1|mmse|moca|platelets|plts?|wcc|alt|alp|ast|mcv|ferritin|temp|diastolic|"
    r"sys(?:tolic)?|level|page|line|flat|no|number|ward|bay|peak|pefr|ck|ldh|qtc|fvc|fio2|flexion|rom|route|bus|"
    r"titre|iop|iga|igg|abpi|insulin|ph|po2|pco2|tsh|t4|inr|psa|height|ht|bmi|saw|at|drop|to|was)(?: (?:is |was )?now)?"
    r"[:\s=,(]{1,3}$"
)
# A full name whose last word is a measure too: "Jack Day, 93,".
_FULL_NAME = re.compile(r"(?:\A|\n|: |  )[A-Z][a-z'-]+ (?:Day|Page|Bay|Rate|Line|Peak|Drop|Ward), $")
# Of a relative: what happened "at", "until" or "in brackets" an age, where the clause measures nothing.
_OF_KIN = re.compile(
    r"\b(?i:mother|father|mum|mam|dad|parents?|sisters?|brothers?|husband|wife|aunt(?:ie)?|uncle|gran(?:ny|dma|"
    r"dad|dpa|d?mother|dfather)?|"
    r"nan(?:a|ny)?|cousin|m?gm|m?gf|pgm|pgf|mgm|mgf|siblings?)\b(?P<clause>[^.;\n\d]{0,44}?)"
    r"(?:\b(?:at|from|till?|until|to|since|d|age|aged) |\()$"
)
# What somebody did up to an age: "lived independently until 97".
_UP_TO = re.compile(
    r"\b(?:lived|living|independent(?:ly)?|active|drove|driving|worked|working|healthy|cycling|swimming|gardening|"
    r"smoked|alone)\b[^.;\n\d]{0,24}\b(?:until|till?|to) $"
)
_OTHER_OF_TWO = re.compile(
    r"\b(?:alive|parents|sisters|brothers|siblings|aged|ages|well)\b[^.;\n]{0,20}\b(?:9\d|1[01]\d)(?: and | & |, )$"
)
_HISTORY = re.compile(r"\b(?:FHx?|FH|[Ff]amily (?:history|hx))\b[^\n]{0,90}(?P<clause>[a-z]{2,}) \(?$")
_MEASURES = re.compile(
    r"\b(?i:sats?|spo2|hr|pulse|bp|rr|hb|crp|urea|weigh\w*|wt|rate|scor\w+|bed|room|day|dose|egfr|glucose|bm|"
    r"sugar|desat\w*|"
    r"temp\w*|level|page|flat|house|number|no|ward|bay|peak|route|bus|bmi|up|down|ring|called|phone\w*|ext|pain|"
    r"reading)\b"
)
# In a handover: after the bed and the name, before two spaces, a day or what somebody is in with; or before "in with".
_ROW = re.compile(
    r"(?:(?i:rm|room|bed|bay|cub(?:icle)?|sr|chair) ?\w{1,3} {1,4}|\n[A-Z]?\d{1,2}[a-z]? )"
    r"[A-Za-z'-]+(?:,? [A-Za-z'-]+){0,2} \Z"
)
_ROW_AFTER = re.compile(r" {2,}[a-z]| d\d{1,2}\b")
_FIRST_OF_LINE = re.compile(
    r", (?:in with|admitted|adm\b|known|lives|type [12]|previously|presented|brought|[a-z-]{6,})"
)
# "just had her 95th".
_NTH = Expression(
    r"9(?<= 9)\d(?:st|nd|rd|th)\b(?! (?:per)?centile| cycle| session| dose| minute)", rb"(?<= )00aa(?![Aa0])"
)
_NTH_OF = re.compile(r"\b(?:her|his|their|my|mum's|dad's|nan's) $")
_TENS = r"ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?"
_WORDS = re.compile(
    r"\b("
    + _TENS
    + r")\b(?![ -]?(?:mg|ml|mcg|per\b|percent|degrees?|minutes?|mins|days?|seconds|units?|pounds?|"
    r"quid|pence|miles|metres|times|hours|steps|over))(?:[ -]?years?[ -]old)?",
    re.I,
)
_HUNDRED = re.compile(
    r"\b(?:aged?|is|was|turned|turning|reached|nearly|almost|now|s?he's) "
    r"((?:a|one) hundred(?: and (?:one|two|three|four|five|six|seven|eight|nine|ten))?)\b"
    r"(?! ?(?:mg|per|percent|degrees|ml|minutes|days|\w+s\b))",
    re.I,
)
_NINETIES = re.compile(
    r"\b(?:her|his|their|my|early|mid|late|in)[ -](?:(?:early|mid|late)[ -])?(nineties|'?90'?s)\b", re.I
)


def old_ages(text: str, flat: str, digits: Places) -> Iterator[Span]:
    """Ages of 90 and more, the number or its words only. ``flat`` is the text in lower case."""
    for match in _NUMBER.finditer(text, digits):
        begin, end = match.span()
        if after := _AFTER.match(text, end):
            ordinal = 2 if after[0][:2] in ("st", "nd", "rd", "th") else 0
            yield Span(begin, end + ordinal, AGE)
        elif not _UNIT.match(text, end) and _told(text, begin, end):
            yield Span(begin, end, AGE)
    for match in _NTH.finditer(text, digits):
        if _NTH_OF.search(text, max(0, match.start() - 8), match.start()):
            yield Span(match.start(), match.end(), AGE)
    for match in _SEXED.finditer(text, digits):
        if not _UNIT.match(text, match.end()):
            yield Span(match.start(1), match.end(1), AGE)
    if "ninet" in flat:
        for match in _WORDS.finditer(text):
            if not flat.startswith("hundred and ", max(0, match.start() - 12)):
                yield Span(match.start(1), match.end(), AGE)
    if "nineties" in flat or "90s" in flat or "90's" in flat:
        for match in _NINETIES.finditer(text):
            yield Span(match.start(1), match.end(1), AGE)
    if "hundred" in flat:
        for match in _HUNDRED.finditer(text):
            yield Span(match.start(1), match.end(1), AGE)


def _told(text: str, begin: int, end: int) -> bool:
    """Whether what stands before a number says that it is an age."""
    lead = text[max(0, begin - 48) : begin]
    if lead[-1:] in ("\n", "") and _FIRST_OF_LINE.match(text, end):
        return True
    if _ROW_AFTER.match(text, end) and _ROW.search(lead):
        return True
    if not (_may_tell(lead) and _BEFORE.search(lead)):
        return bool(_ALONE.match(text, end)) and _of_family(text, begin)
    if _AGED.search(lead):
        return True
    return (not _MEASURED.search(lead) or bool(_FULL_NAME.search(lead))) and (
        not _LOOSE.search(lead) or bool(_ALONE.match(text, end))
    )


_WORD = re.compile(r"[A-Za-z]+")
_KIN_WORDS = frozenset(_WORD.findall(_KIN)) | {"parent"}
# What ends right before an age, where it is a word and a space; names of kin may stand between.
_LAST_WORDS = _KIN_WORDS | words("""
    age aged ages sex be died dead passed away alive deceased reached turn turned turns turning nearly almost just of
    birthday she he they who nan mum dad gran i s is was are m am now well only living spry sprightly at to law about
    around approx circa over also
""")


def _may_tell(lead: str) -> bool:
    """Whether ``_BEFORE`` may hold: asked first, for it is slow, and most numbers follow what is measured."""
    if lead[-1:] != " " or not lead[-2:-1].isalpha():
        return True
    said = _WORD.findall(lead)
    if not said or said[-1].lower() in _LAST_WORDS:
        return True
    named = lead[lead.rfind(" ", 0, -1) + 1].isupper()
    return named and not _KIN_WORDS.isdisjoint(map(str.lower, said))


def _of_family(text: str, begin: int) -> bool:
    """Whether a number that ends a clause is an age of a relative, or one up to which somebody lived or worked."""
    lead = text[max(0, begin - 120) : begin]
    if _UP_TO.search(lead) or _OTHER_OF_TWO.search(lead):
        return True
    told = _OF_KIN.search(lead) or _HISTORY.search(lead)
    return told is not None and not _MEASURES.search(lead, told.start())
