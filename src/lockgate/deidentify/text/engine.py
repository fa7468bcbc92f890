"""The free-text engine: one pass over a note finds what identifies people, its own patient first.

Three sources of evidence meet here: the patient's own record (``known``), shapes (``patterns``) and surroundings
(``cues``). What was found once is then looked for in the rest of the note: somebody introduced as "her son Kiedis"
is Kiedis to its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text import (
    accounts,
    addresses,
    again,
    announced,
    beside,
    bodies,
    cells,
    chains,
    codes,
    cues,
    cuewords,
    days,
    digits,
    evidence,
    forms,
    initials,
    joined,
    letters,
    lines,
    localities,
    oldest,
    orgs,
    patterns,
    proper,
    ranks,
    record,
    services,
    signoffs,
    slips,
    strangers,
    things,
    unlisted,
    wards,
)
from lockgate.deidentify.text.asked import (
    BEFORE_PLACE,
    BODY,
    BY_ITSELF,
    CAPITAL,
    CUE,
    CUED,
    GIVEN,
    HEAD,
    INITIALS,
    INTRODUCED,
    LETTER,
    LINK,
    LISTED,
    MONTH,
    NAMED,
    NAMING,
    NOTHING,
    OF,
    OWN,
    PLACED,
    PLAIN,
    SEES,
    SHORT,
    SLIP,
    SMALL,
    STARTS,
    THE,
    TYPED,
    all_asked,
)
from lockgate.deidentify.text.beginnings import There, look
from lockgate.deidentify.text.fold import flatten, fold, outline, words
from lockgate.deidentify.text.guards import HEADS, is_eponym
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.lists import given_names
from lockgate.deidentify.text.ner import Ner
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.deidentify.text.spans import (
    ADDRESS,
    EMAIL,
    NAME,
    ORGANISATION,
    PLACE,
    POSTCODE,
    RELATIVE,
    STAFF,
    Span,
    replace,
    resolve,
)
from lockgate.deidentify.text.tokens import Tokens

# Between the words of a run of names, and between a family name and the given name after it.
_RUNNING = strangers.GAPS | {", "}
_NAMES = frozenset((NAME, RELATIVE, STAFF))
_JOINING = frozenset((" ", "  ", ", ", "-", ". ", ".", "_", "^", "\n", " \n", "-\n", ",\n", "   ", ",", "/"))
_LETTER_AFTER = re.compile(r"(, [A-Z](?:\. ?[A-Z])?\.?)(?=[ \t]*(?:\n|\||;|\)|\Z)| {2}| -)")
_AFTER_OWN = re.compile(r"[._-]?\d{1,4}(?![\d/.:])")
_ASKED_OF_RECORD = (POSTCODE, EMAIL)
_WHERE, _WHERE_NEXT = frozenset((ADDRESS, PLACE)), frozenset((PLACE, POSTCODE))
_ADDRESS_GAPS = frozenset((" ", ", ", ",", ",  ", "  ", "\n", ",\n", ", \n"))
_NOBODY = Known()


def find(
    text: str, known: Known | None = None, site: SiteNames | None = None, ner: Ner | None = None
) -> list[Span]:
    """Every identifier in a note, as spans in its own offsets, sorted and without overlap.

    ``known`` holds the patient's own identifiers, ``site`` the names of the site's staff, practices and places;
    without them only shapes and surroundings speak. ``ner`` is a model's reading of names, added to these.
    """
    known = known or _NOBODY
    folded, origin = fold(text)
    tokens = Tokens.of(folded)
    flat = flatten(folded)
    form = outline(folded)
    there = look(flat, form)
    numbers = digits.begins(form)
    found = _shapes(folded, flat, there, form, numbers, known)
    found += record.own_values(folded, flat, there, numbers, known)
    found += slips.slips(folded, flat, there, known)
    if site is not None:
        found += site.find(folded, flat)
    found += _walk(tokens, known)
    if ner is not None:
        found += ner.spans(folded)
    spans = _join(folded, resolve(found))
    for more in (unlisted.unlisted, again.listed, again.repeated, letters.repeated, evidence.evident):
        if others := list(more(tokens, spans)):
            spans = resolve(spans + others)
    if origin is None:
        return spans
    return resolve([Span(origin[s.begin], origin[s.end - 1] + 1, s.kind, s.own) for s in spans])


def mentions(text: str, site: SiteNames) -> bool:
    """Whether ``find`` could find any of the names in a note: where not, they make no difference to it."""
    return site.mentioned(flatten(fold(text)[0]))


def scrub_text(
    text: str, known: Known | None = None, site: SiteNames | None = None, ner: Ner | None = None
) -> tuple[str, list[Span]]:
    """A note with tags in place of identifiers, and the spans replaced (offsets of the original)."""
    spans = find(text, known, site, ner)
    return replace(text, spans), spans


def _shapes(
    text: str, flat: str, there: There, form: bytes, numbers: digits.Places, known: Known
) -> list[Span]:
    found = list(patterns.emails_and_urls(text, flat, there))
    found += accounts.accounts(text, flat, there)
    found += patterns.ten_digits(text, numbers)
    found += patterns.phones(text, flat, there, numbers)
    found += addresses.postcodes(text, numbers)
    found += addresses.outward(text, numbers, known.outwards)
    found += initials.dotted(text, there)
    found += initials.signed(text, there)
    found += joined.joined(text, there)
    found += announced.letterhead(text)
    found += announced.announced(text, flat, there)
    found += chains.organisations(text, flat, there)
    found += bodies.bodies(text, there)
    found += wards.wards(text, there)
    found += localities.services(text, there)
    found += localities.stays(text, there)
    found += services.services(text, there)
    found += ranks.ranks(text, there)
    found += beside.beside(text, there)
    found += patterns.numbers(text, flat, there, numbers)
    found += days.numeric_dates(text, numbers, known.births)
    found += days.written_otherwise(text, there, numbers, known.births)
    found += oldest.old_ages(text, flat, numbers)
    found += codes.codes(text, flat, there, numbers)
    found += lines.lines(text, there, numbers)
    found += signoffs.signoffs(text, flat, there, numbers)
    found += cells.cells(text, there, form)
    found += forms.forms(text, there)
    found += addresses.addresses(text, there, numbers)
    return [_owned(text, span, known) if span.kind in _ASKED_OF_RECORD else span for span in found]


def _owned(text: str, span: Span, known: Known) -> Span:
    """The span marked as the patient's own where its value is in their record."""
    if span.kind == POSTCODE and known.postcodes:
        return span._replace(
            own=span.own or re.sub(r"\s", "", text[span.begin : span.end]).lower() in known.postcodes
        )
    if span.kind == EMAIL and known.emails:
        return span._replace(own=text[span.begin : span.end].lower() in known.emails)
    return span


def _walk(tokens: Tokens, known: Known) -> list[Span]:
    """The walk over the words: own names, names by cue, organisations, places, months of dates."""
    found: list[Span] = []
    words, lowers, gaps = tokens.words, tokens.lowers, tokens.gaps
    kinds = all_asked(tokens, known)
    initialled = known.initials
    run_end = proper_end = 0
    for place in _asked_of(kinds):
        kind, after = kinds[place], kinds[place + 1]
        if kind & OWN:
            found += record.own_name(tokens, place, known)
        elif kind & SLIP:
            found += record.near_name(tokens, place, known)
        if initialled and kind & CAPITAL and words[place] in initialled:
            found += record.own_initials(tokens, place)
        elif kind & INITIALS:
            found += initials.staff(tokens, place)
        elif kind & LETTER and initialled:
            found += record.dotted_initials(tokens, place, known)
        if kind & MONTH:
            month = days.month_date(
                tokens.text,
                tokens.begins[place],
                tokens.ends[place],
                patterns.MONTHS[lowers[place]],
                known.births,
            )
            if month:
                found.append(month)
        if (
            kind & CUE
            and (after & CUED or kind & TYPED or kinds[place - 1] & CAPITAL or gaps[place - 1][-1:] == "(")
            and (not kind & LINK or (place and lowers[place - 1] in cuewords.LINKS[lowers[place]]))
        ):
            found += cues.cued_names(tokens, place)
        if kind & HEAD and (organisation := orgs.organisation(tokens, place)):
            found.append(organisation)
        if kind & BEFORE_PLACE and after & (CAPITAL | THE):
            found += _places(tokens, place)
        if not kind & CAPITAL:
            if kind & INTRODUCED or (
                kind & SMALL and (kind & GIVEN or after & NAMED or kinds[place - 1] & SEES)
            ):
                found += strangers.small(tokens, place)
            continue
        if kind & LISTED:
            found += _listed_name(tokens, place)
        gap = gaps[place]
        if place >= run_end and (not kind & PLAIN or (after & CAPITAL and gap in _RUNNING)):
            run_end, people = strangers.run(tokens, place)
            found += people
        if (
            place >= proper_end
            and kind & STARTS
            and (
                (after & (CAPITAL | OF) and gap in proper.INSIDE)
                or not (kind & NOTHING or (kind & PLACED and not kinds[place - 1] & NAMING))
            )
            and (not kind & SHORT or lowers[place - 1 if place else 0] in proper.FROM)
        ):
            proper_end, named = proper.proper(tokens, place)
            if named:
                found.append(named)
        if kind & BODY and (organisation := letters.body(tokens, place)):
            found.append(organisation)
        if kind & LETTER:
            found += proper.with_initial(tokens, place)
    return found


def _asked_of(kinds: list[int]) -> list[int]:
    """The places of the words of which something is asked, where the next word leaves it open."""
    asked: list[int] = []
    kind = kinds[0]
    for place in range(len(kinds) - 1):
        after = kinds[place + 1]
        if (
            kind & BY_ITSELF
            or (after & CAPITAL and kind & (CAPITAL | BEFORE_PLACE))
            or (after & THE and kind & BEFORE_PLACE)
            or (after & OF and kind & CAPITAL)
        ):
            asked.append(place)
        kind = after
    return asked


def _places(tokens: Tokens, place: int) -> Iterator[Span]:
    for span in (
        orgs.place_name(tokens, place),
        orgs.employer(tokens, place),
        orgs.saint(tokens, place),
        bodies.service(tokens, place),
    ):
        if span:
            yield span
            if span.kind == PLACE and tokens.text.startswith(" & ", span.end):
                yield from addresses.town_after(tokens.text, span.end)


def _listed_name(tokens: Tokens, place: int) -> Iterator[Span]:
    """A name of the lists of names, written like one, with the capitalised words of the name after it."""
    lower = tokens.lowers[place]
    if is_eponym(lower, tokens.following(place), tokens.possessive(place)) or record.is_ward(tokens, place):
        return
    if things.sign_of(tokens, place) or things.numbered(tokens, place):
        return
    given = lower in given_names()
    if strangers.is_pair(tokens, place):
        return
    if not given and (
        tokens.at_start(place)
        or tokens.following(place) in HEADS
        or things.graded(tokens, place)
        or things.denied(tokens, place)
    ):
        return  # a family name alone opens no sentence
    if given:
        end = cues.expand(tokens, place, titled=False)
        if end > place:
            yield Span(tokens.begins[place], tokens.ends[end - 1], NAME)
            return
    yield Span(tokens.begins[place], tokens.ends[place], NAME)


_SMALL_HEAD = re.compile(
    r" (?:[a-z-]+ )?(?:clinic|centre|hospital|surgery|practice|school|home|unit|branch)\b"
)
# Greetings, titles, parts and relations before a name.
_TITLES = words("""
    Dear Just Hi Hello Dr Mr Mrs Ms Miss Prof Professor Sister Nurse Insp Sgt PC Kind Best Thanks Sgd TTL GDP GP
    SENCO SENCo HMP RE MIL FIL IMHA IMCA SW HV CPN RMN HCA RN SN RGN OT AMHP ANP Tech Para Asst CCP Surg Anaes
    Cons Reg Son Daughter Dau Dtr Husband Wife Mum Mother Dad Father Brother Partner Carer Neighbour Friend Aunt
    Uncle Niece Nephew Grandson Addr Ring Rang Ask To Warden Cousins Cousin Key Ext Scribe BIA IRO EMT LADO
    CAFCASS PGM PGF MGM MGF EPA LPA ISVA IDVA SLT SALT ENP SHO HCSW CSW RNLD RSCN CNS ACP AHP DN PCSO DC DS DI
    WPC DCI YOT ODP LSA MSW RMO DCT GPST CCO FAO ATTN CC HVF RIP MCA DR Xx HHJ Rev Fr Sr Lt Cpl Capt Maj Col
    Cllr Supt Fiancee Fiance Stepdad Stepmum Nan Gran Grandad Landlord Manager Matron Secretary
""")
_BEFORE_NAME = re.compile(r"(?:(?:" + "|".join(sorted(_TITLES)) + r")\b\.? +)+")
_AFTER_NAME = re.compile(
    r"(?:,? +(?:MBBS|MBChB|MB|BS|BChir|BM|BDS|BSc|MSc|MD|PhD|DPhil|MA|MRC[A-Z][A-Za-z]*|MRPharmS|MCSP|MRCSLT|RD|"
    r"FRC[A-Z][A-Za-z]*|FFICM|DCH|DRCOG|MFDS|RGN|RMN|RSCN|"
    r"RN|RM|RSW|SRN|DipHE|GMC|NMC|HCPC|GDC|GPhC|GOC|CNS|ANP|SENCO|Dyddiad|Visitors))+$"
)


def _trimmed(text: str, span: Span) -> Span:
    """The span of a name without the greeting or title before it and the letters of degrees after it."""
    said = text[span.begin : span.end]
    if " " not in said:
        return span
    titled = said.partition(" ")[0].removesuffix(".") in _TITLES
    first, ends = _BEFORE_NAME.match(said) if titled else None, said.rpartition(" ")[2]
    last = None if ends.istitle() and ends not in ("Dyddiad", "Visitors") else _AFTER_NAME.search(said)
    begin = span.begin + (first.end() if first else 0)
    end = span.begin + (last.start() if last else len(said))
    return span._replace(begin=begin, end=end) if (first or last) and begin < end else span


def _join(text: str, spans: list[Span]) -> list[Span]:
    """Neighbouring spans of one person's name as one ("WHEELER, Abdiaziz"); an address reaches to its postcode."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.begin < joined[-1].end:
            if span.end <= joined[-1].end:
                continue  # the town of an organisation
            span = span._replace(begin=joined[-1].end)
        span = services.whole(text, localities.with_town(text, wards.prolonged(text, span)))
        if span.kind in _NAMES:
            span = _trimmed(text, span)
            if " " not in text[span.begin : span.end] and (letter := _LETTER_AFTER.match(text, span.end)):
                span = span._replace(end=letter.end(1))  # "LOWE, D"
            if span.own and (digits := _AFTER_OWN.match(text, span.end)):
                span = span._replace(end=digits.end())  # a user name: "hopemarsden48"
        last = joined[-1] if joined else None
        if (
            last
            and last.kind == span.kind
            and span.kind in _NAMES
            and (
                text[last.end : span.begin] == " "
                or (last.own and span.own and text[last.end : span.begin] in _JOINING)
            )
        ):
            joined[-1] = last._replace(end=span.end, own=last.own or span.own)
            continue
        called = span.kind == ORGANISATION or (span.kind == NAME and not span.own)
        if called and services.after_the(text, span.begin) and not _SMALL_HEAD.match(text, span.end):
            span = span._replace(begin=max(span.begin - 4, last.end if last else 0))
        if last and last.kind == span.kind == ORGANISATION and text[last.end : span.begin] in (" - ", ", "):
            joined[-1] = last._replace(end=span.end)
            continue
        gap = text[last.end : span.begin] if last else ""
        if (
            last
            and last.kind in _WHERE
            and (span.kind in _WHERE_NEXT or (span.own and last.own and span.kind in _WHERE))
            and gap in _ADDRESS_GAPS
        ) or (last and last.kind == ORGANISATION and span.kind == PLACE and gap in (" ", ", ")):
            joined[-1] = last._replace(end=span.begin)  # an organisation too: "Nelson House, Yarmouth"
        joined.append(span)
    return joined
