"""Days as notes write them: in digits, by the name of a month, by a season or feast, by their ordinal alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.patterns import before
from lockgate.deidentify.text.spans import BIRTH_DATE, DATE, Span

_NUMERIC_DATE = Expression(
    r"\d(?<![\d/.\-]\d)(?:\d?([/.\-])\d{1,2}\1(?:\d{4}|\d{2})|\d{3}([/.\-])\d{1,2}\2\d{1,2})(?![\d/]|[.\-]\d)"
    r"(?=\W|_|$|T\d)",
    rb"(?<![0/.-])(?:00?[/.-]00?[/.-]0|0000[/.-]0)",
)
_SHORT_DATE = Expression(
    r"\d(?<![\d/.]\d)\d?[/.]\d{1,2}(?![/\d%]|\.\d)", rb"(?<![0/.])00?[/.]00?(?![/0%]|\.0)"
)
_TIME_AFTER = re.compile(
    r"\svisit \d{1,2}[.:]?\d\d\b|\sat the (?:very )?latest|(?:(?<=/\d)|(?<=/\d\d))\s?@ ?\d{1,2}[:.]?\d{2}\b|"
    r"\s(?:\d{1,2}[.:]\d{2}\b|(?:[01]\d|2[0-3])[0-5]\d\b(?! ?(?:ml|mg|mcg|g|kcal|units?)\b)|"
    r"(?:night|am|pm|morning|evening|eve)\b)"
)
_SHORT_DATE_CUE = re.compile(
    r"\b(?:round|by|edd|meeting|mtg|w/e|on|dated?|seen|admitted|discharged|review(?:ed)?|clinic|dob|born|appointment|appt|from|until|till|til|since|adm|visit|w/c|due|before|after|"
    r"mon|tues?|wed|thurs?|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day)[\s:]{1,2}$",
    re.I,
)
# "returned from Cork 5/6": the place is what is between.
_AFTER_PLACE = re.compile(
    r"(?i:\b(?:returned|back|arrived|came|transferred|moved|flew|travelled|popping)) (?i:from|to|in|via) "
    r"(?:[A-Z][\w' -]{2,30} )?$"
)
# What is done on a day and has no score: a day over 12 is one whatever the month, and ten out of ten is not meant.
_DONE = re.compile(
    r"\b(?i:scan(?:ned)?|tci|(?:re)?booked|(?:re)?listed|cxr|ct|mri|echo|uss?|xr|x-ray|ogd|op|surgery|appt|cancelled|dna|"
    r"started|stopped|stitches out|sutures out|clips out|next(?: due| dose| visit)?|iol|lscs|elcs|"
    r"postponed to|moved to)"
    r"[ :]{1,2}$"
)
# Who did something, before the day that ends a note: "ext 4417 by Esther, 9/12", "pharmacist check RB 25/12".
_BY_WHOM = re.compile(r"(?:\bby [A-Z][a-z'-]+, |\b(?i:check(?:ed)?|by|done|seen)(?: by)? [A-Z]{2} )$")
_ENDS_NOTE = re.compile(r"\.?\s*(?:\n|\Z)")
# What is done or asked for a day, whatever the month: no score, and no number of days or months.
_OF_A_DAY = re.compile(
    r"(?:\b(?i:typed|dictated|transcribed|signed|countersigned|sgd|triaged?|offer(?:ed|ing)?(?: her| him| them| you)?|"
    r"(?:can(?:'t|not)?|could(?:n't)?|will|won't|unable to|able to) (?:manage|make|do|attend|come(?: in)?)|"
    r"mdt|(?:wt|weight|bp|bp and weight|growth|wound|pressure|skin|dressing|health|welfare) check|"
    r"moved to|brought forward to|put back to|re-?scheduled (?:to|for)|re-?arranged (?:to|for)|changed to|"
    r"(?:re)?booked(?: for| in| in for)?|bo|b/o|bowels open|slot|cancelled|dna'?d?|wnb|uta|no show|"
    r"rang|phoned|telephoned|texted|e-?mailed|faxed|posted|printed|wrote|w/b|rtc|tca|cons(?:ultant)? wr|"
    r"f2f|face to face|due change|"
    r"arrived|died|rip|verified|authorised|validated|issued|lodged|detained|sectioned|s/b|d/w|inpatient|"
    r"(?:cvc|picc|midline|vascath|art(?:erial)? line|a-line|ngt?|catheter|cannula|pvc|drain|line)(?: sited| inserted)?|"
    r"done|last (?:call|seen|visit(?:ed)?|review(?:ed)?|contact|home visit|attended|fall|fell|collected|dispensed|bled|"
    r"changed|dressed|seizure|fit|episode|scan)|next (?:seen|visit|review|appt)|"
    r"(?:cns|anp|consultant|matron),?|seeing me|opa|referral|restarts?|deliver(?:y|ed)|visit(?:s|ed)?|told|seen there|"
    r"tribunal|by me|reported|last seen by [a-z'-]+|"
    r"re-?admitted|d/c'?d|discharged|aware|handover|updated|dict|informed|confirmed|agreed|"
    r"free|available|prefers?|ring back|call back|rebook|expected|planned|provisional(?:ly)?)[ :]{1,2}|"
    r"(?:Dr|Mr|Mrs|Ms|Miss|Prof)\.? (?:[A-Z] )?[A-Z][\w'-]+,? {1,3}|"
    r"(?<![^\n])[A-Z]{2,3}(?:, ?| {2,4}))$"
)
_NO_DAY = re.compile(
    r"\b(?i:va|re|le|od|os|ou|er|pr|r|l|ll|ul|rll|lll|rul|lul|gcs|amt|amts|ph|hpc|sob|iddsi|iop|power|pain)[ :,-]{1,4}$"
)
# A result right after: "Echo 3/12 EF 55%", where "echo 3/12" is one in three months.
_RESULT = re.compile(
    r" (?:EF|NAD|LVEF|showed|shows|showing|normal|reported|clear|unremarkable|neg|negative|pos|positive|result|"
    r"confirmed|demonstrated|revealed)\b|: ?[A-Za-z]| - [A-Za-z]"
)
_TEST = re.compile(
    r"\b(?i:scan|cxr|ctpa|ct(?: head| kub| ap| tap| chest| abdo)?|mri(?: brain| spine)?|echo|tte|toe|uss?|usg|xr|x-ray|"
    r"ogd|eeg|ecg|dexa|pet|msu|swabs?|cultures?|bloods|biopsy|mammogram|colonoscopy|angio(?:gram)?)[ :]{1,2}$"
)
# What has a denominator of its own: eyes, pressures of eyes, diets, blocks of the heart, a head in the pelvis.
_OF_PARTS = re.compile(
    r"\b(?i:va|vision|acuity|ph|iop|iddsi|block|grade|score|gleason|ratio|reflex(?:es)?|power|pupils?|apgars?|level|gcs|"
    r"pain|palp(?:able)?|ceph(?:alic)?|pr|er|her2|snellen|near|distance|unaided|glasses|mrc|re|le|r|l|od|os|ou|bnn|x|of|"
    r"size|tooth|teeth|dose|day|take|takes|tablet)[ :]{1,3}(?:[RL] )?$"
)
_ONE_AFTER = re.compile(
    r" ?(?:to|or|-) ?\d|\s?(?:tablets?|caps?|tabs?|nodes?|cores?|fifths|palp|engaged|weeks?|tds|bd|od|doses?)\b"
)
_AGO = re.compile(r" (?:ago|old|post|of|gestation|hx|history)\b")
# "4/3-9/3", "4-9/3/22", "06 02 2023", "1/ii/23".
_FROM_TO = Expression(
    r"\d(?<![\d/.\-]\d)\d?/(\d{1,2}) ?- ?\d{1,2}/(\d{1,2})(?![\d/%])", rb"(?<![0/.-])00?/00? ?- ?00?/"
)
_DAYS_OF = Expression(
    r"\d(?<![\d/.\-:]\d)\d?(?: ?[-&+] ?| to | and )(?=\d{1,2}([/.])\d{1,2}\1(?:\d{4}|\d{2})(?!\d))",
    rb"(?<![0/.:-])00?(?: ?[-&+] ?| aa | aaa )00?[/.]",
)
_APART_LONG = Expression(
    r"\d(?<![\d/.:+-]\d)(?<!\d \d)\d? \d{1,2} (?:19|20)\d\d(?![\d/:%-]| \d)",
    rb"(?<![0/.:+-])00? 00? 0000",
)
_ROMAN = Expression(
    r"\d(?<![\d/.-]\d)\d?([/.-])(?i:i{1,3}|iv|vi{0,3}|ix|x|xi|xii)\1(?:(?:19|20)\d\d|\d\d)(?![\w/])",
    rb"(?<![0/.-])00?[/.-][Aa]{1,4}[/.-]0",
)
_BORN = re.compile(r"\b[Bb](?:\.|orn|orn in) ?((?:18|19|20)\d\d)(?![\d/-])")
_BORN_FIRST = Beginnings("b.", "born ")
# Dates of other writings: 03/2024, expires 07/26, Easter 2021, on the 14th.
_MONTH_YEAR = Expression(
    r"\d(?<![\d/.\-]\d)\d?[/.-](?:19|20)\d\d(?![\d/-])", rb"(?<![0/.-])00?[/.-]0000(?![0/-])"
)
_EXPIRES = re.compile(r"\b(?:expir(?:es|y|ed)|exp|valid (?:to|until)|since|until)[: ]{1,2}$", re.I)
_MONTH_SHORT_YEAR = Expression(r"\d(?<![\d/.\-]\d)\d/\d\d(?![\d/%])", rb"(?<![0/.-])00/00(?![0/%])")
_YEAR_OF = Expression(r"(?:19|20)(?<= \d\d)\d\d\b", rb"(?<= )0000(?![Aa0])")
_SEASON = re.compile(
    r"\b(?:[Ss]pring|[Ss]ummer|[Aa]utumn|[Ww]inter|Christmas|Easter|Eid|Ramadan|Diwali|"
    r"Michaelmas|Hogmanay|Whitsun|Lent|Bonfire Night|Halloween|New Year(?:'s (?:Eve|Day))?|"
    r"Boxing Day|Xmas|Good Friday)(?: (?:Eve|Day|Sunday|Monday|Friday|Saturday))? (?:of )?\Z"
)
_APART = Expression(
    r"\d(?<![\d/.:+-]\d)(?<!\b\d\d \d)\d \d\d \d\d(?![\d/:%-]|\.\d| \d\d\b)", rb"(?<![0/.:+-])00 00 00"
)
_ISO = Expression(r"[12](?<=/[12])\d{3}-\d\d-\d\d(?![\d-])", rb"(?<=/)0000-00-00")
_ORDINAL = Expression(
    r"\d(?<![\w/]\d)\d?(?:st|nd|rd|th)(?=[,.;)\n?!]|$| (?:at|with|and|by|if|to|then|for|am|pm)\b)",
    rb"(?<![Aa0/])00?aa(?![Aa0])",
)
_ORDINAL_CUE = re.compile(
    r"\b(?:on|until|till|til|by|from|to|since|before|after|due|booked|seen|for|(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)"
    r"(?:day)?)(?: the)? $", re.I
)  # fmt: skip
_ENTRY = re.compile(r"(?<![^\n])[ \t>*-]*$")
_ENTRY_AFTER = re.compile(r"[ \t:-]{1,3}[A-Z(]|(?: - |: )[a-z]{2}")
_MORE_CUES = re.compile(
    r"(?:\b(?:rv|r/v|f/u|fu|ct|mri|cxr|scan(?:ned)?|echo|ogd|pet|uss?|xr|x-ray|bloods|op|surgery|letter|call(?:ed)?|rang|phoned|"
    r"text(?:ed)?|next|last|starts?|started|starting|ends?|ended|expires|discharge|d/c|dc|home|edd|lmp|iol|by|given|dose|moved|"
    r"returned|transferred|referred|ref'?d|told|died|rip|arrived|booked|rebooked|listed|cancelled|dna|met|signed|sent|received|"
    r"(?:last|next) [a-z]{3,10}|"
    r"recd|taken|collected|reported|updated|completed|done|typed|dictated|script|leave|back|meeting|w/b|wc)[ :]{1,2}|"
    r"[A-Z][a-z'-]+ [A-Z][a-z'-]+ |\([^()\n]{0,12}|[a-z], )$", re.I
)  # fmt: skip
_NO_DATE_AFTER = re.compile(
    r"\s?(?:[a-zA-Z%]{0,2}(?:mm|kg|cm|mg|mcg|ml|kPa|hg|%)|units?|teeth|points|of\b|-\s?\d)", re.I
)
_SPACED_DATE = Expression(
    r"\d(?<![\d/.]\d)\d? ?([/.\-]) ?\d{1,2} ?\1 ?(?:\d{4}|\d{2})(?![\d/])",
    rb"(?<![0/.])00? ?[/.-] ?00? ?[/.-]",
)
_DATE_PART = re.compile(r"\d+")
_DAY_BEFORE = re.compile(
    r"(?<!\d)(?<!\d\.)(\d{1,2})(?:st|nd|rd|th)?(?:(?: ?- ?|/| and | & )\d{1,2}(?:st|nd|rd|th)?)?(?: of)?"
    r"[ \t\-./,]{0,2}\Z",
    re.I,
)
_YEAR_AFTER = re.compile(
    r"[\s\-./,]{0,3}(?:of )?((?:19|20)\d{2}|'?\d{2})(?![\d/:.]\d|\d|[\s]?(?:mg|mcg|ml|g|%|kg|cm|mm))\b"
)
_YEAR_ALONE = re.compile(r",?[ \t/-]((?:19|20)\d{2}|'\d{2})\b")
_DAY_AFTER = re.compile(
    r"\s(\d{1,2})(?:st|nd|rd|th)?(?:,?\s+((?:19|20)\d{2}))?(?![\d/:%]|\.\d|\s?(?:mg|mcg|ml|g|kg)\b)"
)


def _year(digits: str) -> int:
    """A year of four digits, or of two: up to 2035 in this century."""
    year = int(digits.strip("'"))
    return year if year > 99 else year + (2000 if year <= 35 else 1900)


def _real(year: int, month: int, day: int) -> date | None:
    """The date, with day and month the other way round where only that is one (as Americans write); None if none."""
    for first, second in ((month, day), (day, month)):
        if 1 <= first <= 12 and 1 <= second <= 31 and 1850 <= year <= 2100:
            try:
                return date(year, first, second)
            except ValueError:
                continue
    return None


def numeric_dates(text: str, digits: Places, births: set[date]) -> Iterator[Span]:
    """Dates in digits: 3/4/21, 03.04.2021, 2021-04-03, 3/4 after a cue. A birth date of ``births`` is told as one."""
    told: set[tuple[int, int]] = set()
    for expression in (_NUMERIC_DATE, _SPACED_DATE):
        for match in expression.finditer(text, digits):
            if match.span() in told:
                continue
            told.add(match.span())
            first, month, last = _DATE_PART.findall(match.group())
            day, year = (last, first) if len(first) == 4 else (first, last)
            found = _real(_year(year), int(month), int(day))
            if found:
                yield _date_span(match.start(), match.end(), found, births)
    last = -9
    for match in _SHORT_DATE.finditer(text, digits):
        if text[match.end() : match.end() + 4] == " to ":
            continue  # a dose "from 10/12 to 6/12"
        day, month = map(int, _DATE_PART.findall(match.group()))
        if (
            1 <= day <= 31
            and 1 <= month <= 12
            and (
                before(_SHORT_DATE_CUE, text, match.start(), 16)
                or _TIME_AFTER.match(text, match.end())
                or _bare_date(text, match, day, month)
                or before(_AFTER_PLACE, text, match.start(), 48)
                or _entered(text, match, month)
                or _heads_page(text, match)
                or _of_a_day(text, match, day, month)
                or (match.start() - last < 6 and text[last : match.start()] in _AND)
            )
        ):
            last = match.end()
            own = any((born.day, born.month) == (day, month) for born in births)
            yield Span(match.start(), match.end(), BIRTH_DATE if own else DATE, own)


def written_otherwise(text: str, there: There, digits: Places, births: set[date]) -> Iterator[Span]:
    """Months with a year in digits, seasons and feasts of a year, days told by their ordinal alone."""
    for match in _APART.finditer(text, digits):
        day, month, year = map(int, match[0].split(" "))
        found = _real(_year(f"{year:02}"), month, day)
        if found and day and month <= 12:
            yield _date_span(match.start(), match.end(), found, births)
    for match in _ISO.finditer(text, digits):
        found = _real(int(match[0][:4]), int(match[0][5:7]), int(match[0][8:]))
        if found:
            yield _date_span(match.start(), match.end(), found, births)
    for match in _MONTH_YEAR.finditer(text, digits):
        if 1 <= int(re.split("[/.-]", match[0])[0]) <= 12:
            yield Span(match.start(), match.end(), DATE)
    for match in _MONTH_SHORT_YEAR.finditer(text, digits):
        if 1 <= int(match[0][:2]) <= 12 and before(_EXPIRES, text, match.start(), 14):
            yield Span(match.start(), match.end(), DATE)
    for named in _YEAR_OF.finditer(text, digits):
        if season := before(_SEASON, text, named.start(), 36):
            yield Span(season.start(), named.end(), DATE)
    for match in _FROM_TO.finditer(text, digits):
        months = {int(match[1]), int(match[2])}
        if max(months) < 13 and months.isdisjoint((5, 7, 10, 12)) and 0 not in months:
            yield Span(match.start(), match.end(), DATE)
    for match in _DAYS_OF.finditer(text, digits):
        if int(_DATE_PART.findall(match[0])[0]) < 32:
            yield Span(match.start(), match.end() - 1, DATE)
    for match in _APART_LONG.finditer(text, digits):
        day, month, year = map(int, match[0].split(" "))
        if day and (found := _real(year, month, day)):
            yield _date_span(match.start(), match.end(), found, births)
    for match in _ROMAN.finditer(text, digits):
        if int(re.split("[/.-]", match[0])[0]) < 32:
            yield Span(match.start(), match.end(), DATE)
    for match in _BORN_FIRST.matches(_BORN, text, there):
        yield Span(match.start(1), match.end(1), DATE)
    for match in _ORDINAL.finditer(text, digits):
        if before(_ORDINAL_CUE, text, match.start(), 16) and 1 <= int(match[0][:-2]) <= 31:
            yield Span(match.start(), match.end(), DATE)


def _heads_page(text: str, match: re.Match[str]) -> bool:
    """Whether 14/12 stands apart in the first line of a note: "Martello Ward night to day  14/12"."""
    begin, end = match.span()
    apart = text[begin - 2 : begin] == "  " and (
        text[end : end + 1] in ("\n", "") or text.startswith("  ", end)
    )
    return apart and "/" in match[0] and text.find("\n", 0, begin) < 0


def _entered(text: str, match: re.Match[str], month: int) -> bool:
    """Whether 4/3 begins an entry, or follows what is dated ("CT 3/6"): no score, no days or months (3/7, 6/12)."""
    if "/" not in match[0] or _NO_DATE_AFTER.match(text, match.end()):
        return False
    if month in (7, 10, 12):
        certain = month == 10 or int(match[0].split("/")[0]) > 12
        done = before(_DONE, text, match.start(), 16) if certain else None
        return done is not None and not _AGO.match(text, match.end())
    if before(_ENTRY, text, match.start(), 6) is not None and _ENTRY_AFTER.match(text, match.end()):
        return True
    return before(_MORE_CUES, text, match.start(), 30) is not None and month != 5


_AND = frozenset((", ", " and ", " & ", ",", " + ", "+", "&", " or "))


def _of_a_day(text: str, match: re.Match[str], day: int, month: int) -> bool:
    """Whether 4/5 follows what is done on a day, is a test's day before its result, or can be no other fraction."""
    begin, end = match.span()
    if "/" not in match[0] or _NO_DATE_AFTER.match(text, end) or _ONE_AFTER.match(text, end):
        return False
    if _ENDS_NOTE.match(text, end) and before(_BY_WHOM, text, begin, 36):
        return True
    if before(_OF_A_DAY, text, begin, 36):
        return not before(_NO_DAY, text, begin, 12) and not _AGO.match(text, end)
    if _RESULT.match(text, end) and before(_TEST, text, begin, 20):
        return True
    if text[begin - 2 : begin] == "~ " and (day > 12 or month not in (5, 7, 10, 12)):
        return True
    return (
        day > max(month, 6)
        and month not in (7, 10, 12)
        and text[begin - 1 : begin] in (" ", "(", "\n", "~", "")
        and not before(_OF_PARTS, text, begin, 18)
        and not _AGO.match(text, end)
    )


def _bare_date(text: str, match: re.Match[str], day: int, month: int) -> bool:
    """Whether 24/4 without a cue is a date: no days (14/7), weeks, months (18/12), score (15/15), pressure or ratio."""
    return (
        day > 12
        and month not in (7, 12)
        and match.group()[-2:].strip("/.").isdigit()
        and "/" in match.group()
        and text[max(0, match.start() - 1) : match.start()] in ("", " ", "(", "\n")
        and not _NO_DATE_AFTER.match(text, match.end())
    )


def _date_span(begin: int, end: int, found: date, births: set[date]) -> Span:
    # With two digits of a year, 24/05/40 is of 1940 or of 2040: both are tried against the birth date.
    own = any(
        (born.day, born.month, born.year % 100) == (found.day, found.month, found.year % 100)
        for born in births
    )
    return Span(begin, end, BIRTH_DATE if own else DATE, own)


def month_date(text: str, begin: int, end: int, month: int, births: set[date]) -> Span | None:
    """The date around the name of a month at ``begin``..``end``: 3 May, May 3rd, 3rd of May 2021, May 2021.

    A month alone ("in May") is no identifier and gives None.
    """
    before = _DAY_BEFORE.search(text, max(0, begin - 16), begin)
    if before and 1 <= int(before.group(1)) <= 31:
        day, start = int(before.group(1)), before.start(1)
        after = _YEAR_AFTER.match(text, end)
        stop = after.end() if after else end
        year = _year(after.group(1)) if after else None
    else:
        after = _DAY_AFTER.match(text, end)
        start = begin
        if after and 1 <= int(after.group(1)) <= 31:
            day, stop = int(after.group(1)), after.end()
            year = int(after.group(2)) if after.group(2) else None
        else:
            plain = _YEAR_ALONE.match(text, end)
            return Span(begin, plain.end(), DATE) if plain else None
    own = any(
        (born.day, born.month) == (day, month) and (year is None or year % 100 == born.year % 100)
        for born in births
    )
    return Span(start, stop, BIRTH_DATE if own else DATE, own)
