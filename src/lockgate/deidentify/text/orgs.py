"""Organisations by their head word ("... Medical Centre") and places by what stands before ("moved from ...").

The lists are our own writing.
"""

from __future__ import annotations

from lockgate.deidentify.text.capitals import headings
from lockgate.deidentify.text.classes import BOTH, FAMILY, STRANGER, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import HEADS, NOT_NAMES
from lockgate.deidentify.text.lists import english, places, towns
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import ORGANISATION, PLACE, Span
from lockgate.deidentify.text.tokens import Tokens

ORG_HEADS = words("""
    hospital infirmary hospice surgery school academy college university nursery practice centre center home
    clinic trust lodge priory unit house club church mosque temple gurdwara synagogue library council prison
    chapel cathedral abbey factory supermarket garage hotel pharmacy chemist group ltd limited plc llp nursery
    infants juniors co-op works dairy haulage depot arms samaritans general primary doctors service
    services hospitals
    society association federation charity foundation station barracks depot
""")
# Heads of firms and charities, with a capital only: "Marlpit Quarry", "Foxglove Young Carers".
_FIRMS = words("""
    carers quarry logistics security taxis cabs plastics brewery bakery bakers builders foods engineering
    transport
    coaches motors construction roofing plumbing textiles mill mills farm farms dairies distribution
    couriers catering
    solutions systems industries enterprises holdings solicitors insurance highways company refuge
    drop-in concern
    residential pre-school preschool playgroup kindergarten orchestra choir fc rfc stores superstore
    salon stables
    marina foundry colliery steelworks railways airways shelter mission hostel bus buses trading
    electrical printers
    packaging paper joinery scaffolding landscapes recycling cleaners laundry studios theatre cinema museum
    sons daughters bros brothers
    fertility opticians optometrists audiology homes hub cafe probation kitchens pensions estate mutual
    casualty rovers
    wanderers athletic harriers potholers bank dentistry dental law solicitors conveyancing law media
    radio press
    hairdressers barbers florists butchers grocers estates properties lettings travel tours cruises
    windows carpets beds
    interiors designs technologies software consulting consultants advisers accountants architects
    surveyors academy
    gymnastics karate judo ballet dance gymnasium leisure fitness pilates yoga brewers distillers
    spinners weavers
    comprehensive primary secondary docks haven timber agricultural tower towers brewery custody laundry
    shelter montessori
    foundation alliance network forum collective cooperative co-operative union league institute
""")
_KIN = words("sons daughters bros brothers")
# Heads that name one only after a word that is neither English nor of headings: "Saltmarsh View", "Hartwell NH".
_PLACED_HEADS = words("""
    view court grange manor gardens mews rise heights croft villa villas nh ch homecare domiciliary care support
    agency project hub market inn rehab campus vets ambulance outreach opticians optical dispensary stores bookshop
    cathedral parish priory retirement extracare supported hostel allotments pavilion gym studio kennels cattery
    cricket hockey netball swimming sailing brass band choir theatre players scouts guides brownies cubs rangers
    lunch toddlers parents nursery pantry larder kitchen bakehouse timber autos autocentre garages tyres removals
    childcare tutoring upholstery ironworks brickworks gasworks potteries pottery chambers partners associates
    healthcare wellbeing dairy butchery fisheries trawlers ferries shipping aggregates concrete roofing glazing
""")
_PLACED_HEADS -= ORG_HEADS
_FIRMS |= _PLACED_HEADS | words("form office")
ORG_HEADS |= _FIRMS
_SPORTS = words("""
    sports luncheon football rugby golf social bowls tennis cricket youth lunch gym country swimming
    cycling running
    working bridge book
""")
# Heads that need one of these words before them to make an organisation.
_ORG_NEEDS: dict[str, frozenset[str]] = {
    "centre": words("""
        medical health resource day community leisure treatment walk-in care primary rehabilitation wellbeing
        family birth birthing maternity health arts children surgical diagnostic cancer dialysis
        garden shopping sports youth visitor job contact distribution call
    """),
    "home": words("care nursing residential"),
    "clinic": words("walk-in"),
    "trust": words("carers' carers nhs foundation hospitals hospital healthcare partnership"),
    "group": words("medical practice surgery scout guide support"),
    "foundation": words("charitable"),
    "station": words("police fire ambulance railway power"),
    "council": words("county borough city district parish town"),
    "chapel": frozenset(),
    "abbey": frozenset(),
    "club": _SPORTS,
    "pharmacy": frozenset(),
    "doctors": words("family village town"),
    "service": words("voluntary visiting advocacy befriending"),
    "services": words("voluntary advocacy befriending"),
    "works": frozenset(),
    "unit": words("spinal burns birth"),
    "house": frozenset(),
    "lodge": frozenset(),
    "priory": frozenset(),
}  # fmt: skip
for _head in _PLACED_HEADS:
    _ORG_NEEDS.setdefault(_head, frozenset())
_ORG_NEEDS["form"] = words("sixth")
_ORG_NEEDS["office"] = words("post")
_ORG_NEEDS["care"] = words("dental eye hearing foot")
_ORG_NEEDS["chapel"] = words(
    "methodist baptist congregational ebenezer zion bethel evangelical united independent"
)
_ORG_NEEDS["center"] = _ORG_NEEDS["centre"]
_GENERIC = words("""
    the a medical health resource day community general royal primary secondary district county memorial
    hospital hospitals children childrens women womens nhs foundation trust university teaching cottage care
    nursing residential walk-in infant junior high grammar comprehensive special group family dental gp eye
    ear nose private independent local our your this that his her their my mental psychiatric acute urgent
    minor injuries treatment outpatient outpatients inpatient rehabilitation maternity and of for in at on
    medical-school veterinary main old new another other nearest same referring base field military army naval
    tertiary regional national warfarin memory
""")
_GENERIC |= _SPORTS | words("""
    clinical best good current usual advanced safe evidence-based voluntary visiting further higher
    education sixth form
    leisure fire police ambulance county borough district city parish town medical-centre
""")
_ORG_JOINERS = words("of the and on upon under in le by for st")
_ORG_GAPS = frozenset((" ", "'s ", "'S ", "' ", "-", ". ", " & "))

_PLACE_LINKS: dict[str, frozenset[str]] = {
    "in": words("""
    away lives live living lived born resides residing up raised based works worked house flat home stays
    staying
    holiday bungalow property accommodation hostel settled
"""),
    "from": words("journey moved travelled returned comes came originally travels drove flew relocated is back"),
    "to": words("moved travelled returned moving relocated drove went trip emigrated visit"),
    "near": words("lives living lived live house home fell found collapsed"),
    "of": words("resident native area town village city"),
    "outside": words("lives living found collapsed"),
}  # fmt: skip
_PLACE_JOINERS = words("""
    of on upon under in the le by next with cum super-mare y yr la
""")
# Every word that place_name asks about.
PLACE_WORDS = frozenset(_PLACE_LINKS) | words("at via around visiting for by with work through")
_LIVING = words("lives lived living live stays staying based born raised lodging resides residing nr ex")
PLACE_WORDS |= _LIVING


def organisation(tokens: Tokens, place: int) -> Span | None:
    """The organisation whose head ("Hospital", "Medical Centre", "walk-in clinic") is the word at ``place``."""
    head = tokens.lowers[place]
    if head not in ORG_HEADS:
        return None
    if head in _FIRMS and not _firm(tokens, place):
        return None
    needs = _ORG_NEEDS.get(head)
    before = tokens.lowers[place - 1 if place else 0]
    if (
        needs is not None
        and before not in needs
        and not (place and before not in english() and before not in headings())
        and not (head in _LONG_NAMED and _long_named(tokens, place))
    ):
        return None
    first, telling = place, False
    last_capital = -1
    while first > 0 and place - first < 7 and tokens.gaps[first - 1] in _ORG_GAPS:
        word, lower = tokens.words[first - 1], tokens.lowers[first - 1]
        if tokens.gaps[first - 1] == ". " and len(word) > 1:
            break
        if word[0].isupper():
            if last_capital < 0:
                last_capital = first - 1
            telling = telling or (
                lower not in _GENERIC
                and lower not in NOT_NAMES
                and lower not in HEADS
                and lower not in headings()
            )
        elif last_capital < 0 and (lower not in _GENERIC or lower in _ORG_JOINERS or len(lower) == 1):
            break  # "Because the hospital ..." names none
        elif last_capital >= 0 and lower not in _ORG_JOINERS:
            break
        first -= 1
    while first < place and (tokens.words[first][0].islower() or tokens.lowers[first] in _ORG_TRIM):
        first += 1
    while (  # "Worked on Ferrymoor Docks", "Resident of Saltmarsh View"
        first + 2 <= place
        and tokens.at_start(first)
        and tokens.lowers[first] in english()
        and tokens.words[first + 1] in _LED
        and tokens.lowers[first] not in _BEGUN
    ):
        first += 2
    if tokens.words[place][0].isupper():
        last = place
        while last + 1 < len(tokens.words) and tokens.gaps[last] == " " and last - place < 3:
            word, lower = tokens.words[last + 1], tokens.lowers[last + 1]
            tail = word.title() in _ORG_TAILS
            if not tail and not (
                head == "hospital"
                and word[0].isupper()
                and lower not in NOT_NAMES
                and lower not in TITLES
                and lower not in DOCTORS
            ):
                break
            telling = telling or (not tail and (first < place or lower in towns()))
            last += 1
        if tokens.lowers[last + 1 : last + 3] == ["at", "home"] and tokens.words[last + 2] == "Home":
            last += 2  # "Saltmarsh Hospice at Home"
        if tokens.following(last) == "of" and last + 2 < len(tokens.words):
            after = last + 2  # "Royal Infirmary of Edinburgh"
            if (
                tokens.words[after][0].isupper()
                and tokens.gaps[last + 1] == " "
                and tokens.lowers[after] not in NOT_NAMES
            ):
                telling, last = True, after
        return Span(tokens.begins[first], tokens.ends[last], ORGANISATION) if telling else None
    if not telling or first >= place or last_capital < first:
        return None
    return Span(tokens.begins[first], tokens.ends[last_capital], PLACE)


# Heads of names of several words, the first of which tells: "Larkfield Late Night Pharmacy".
_LONG_NAMED = words("""
    pharmacy chapel clinic centre club house lodge trust group foundation station doctors service services works project
    hub care support market stores school nursery
""")


def _long_named(tokens: Tokens, place: int) -> bool:
    """Whether the capitalised words before a head begin with a place, or with a word that no list has."""
    first = place
    while (
        first
        and place - first < 4
        and tokens.gaps[first - 1] in (" ", "'s ")
        and tokens.words[first - 1].istitle()
    ):
        first -= 1
    lower = tokens.lowers[first]
    if place - first < 2 or not tokens.words[place].istitle() or lower in headings() or lower in NOT_NAMES:
        return False
    return lower in towns() or (lower not in english() and class_of(lower) in (STRANGER, FAMILY, BOTH))


def _firm(tokens: Tokens, place: int) -> bool:
    """Whether the head of a firm stands with a capital after a capitalised word: "Marlpit Quarry", "Hay & Sons"."""
    gap = tokens.gaps[place - 1]
    if not place or not tokens.words[place].istitle() or not tokens.words[place - 1].istitle():
        joined = (
            gap == " "
            and place > 1
            and tokens.lowers[place - 1] == "and"
            and tokens.words[place - 2].istitle()
        )
        return joined and tokens.lowers[place] in _KIN and tokens.words[place].istitle()
    return gap == " & " if tokens.lowers[place] in _KIN else gap in (" ", "'s ")


_LED = words("of on at in by for from to with")
_BEGUN = words(
    "friends church school college house university hospital league sisters bank society guild order"
)
_ORG_TRIM = words("""
    at via from to in and of by for on with he she they his her patient outcome plan gp dr mr mrs ms miss seen
    otherwise told asked back ring rang phoned lives may then also now needs attends source
    ex-headteacher headteacher teacher attended transferred admitted discharged referred re letter
""")
_ORG_TAILS = words(
    "Hospital Hospitals Nhs Foundation Trust Centre School Unit Clinic Site Campus Ltd Plc Llp Cic Nh Rehab"
)


def place_name(tokens: Tokens, place: int) -> Span | None:
    """The place after "lives in", "moved from" and the like (the preposition is at ``place``), or a known town."""
    lower = tokens.lowers[place]
    links = _PLACE_LINKS.get(lower)
    if lower not in PLACE_WORDS:
        return None
    first = place + 1
    if first >= len(tokens.words) or tokens.gaps[place] not in (" ", "\n", " the "):
        return None
    end = first
    while end < len(tokens.words) and end - first < 5:
        if end > first and tokens.gaps[end - 1] not in (" ", "-", "'s ", "'S ", "' "):
            break
        word, low = tokens.words[end], tokens.lowers[end]
        joined = low in _PLACE_JOINERS and end > first and end + 1 < len(tokens.words) and (
            tokens.words[end + 1][0].isupper() and tokens.gaps[end] == " ")  # fmt: skip
        if not joined and (not word[0].isupper() or (word.isupper() and len(word) < 4)):
            break
        if (
            low in NOT_NAMES
            and low not in ("new", "upper", "lower", "general", "down", "room", "home")
            and not joined
        ):
            break
        if low in MONTHS and end == first:
            return None
        end += 1
    if end == first:
        return None
    before = tokens.lowers[place - 1] if place else ""
    if links and before in links:
        return Span(tokens.begins[first], tokens.ends[end - 1], PLACE)
    for stop in range(end, first, -1):
        said = " ".join(tokens.lowers[first:stop])
        sure = said in towns() or (said in places() and (stop - first > 1 or lower in _LIVING))
        if sure and tokens.following(stop - 1) not in HEADS:
            return Span(tokens.begins[first], tokens.ends[stop - 1], PLACE)
    return None


_EMPLOYED = words("""
    work works worked working employed employer job laid retired shifts driver nights headteacher teacher
    started
    manager
    volunteers volunteered drive driving formerly drives return
""")
_OCCUPATIONS = words("""
    cleaner conductor director teacher chef cook mechanic labourer apprentice cashier engineer
    electrician plumber
    waiter waitress guard supervisor foreman operative driver assistant trainee intern volunteer
    carpenter joiner
    welder machinist packer picker caretaker barista barmaid bartender hairdresser joined employee shifts
    role placement
""")
_AT_WORK = words("at for by from of to with")


def employer(tokens: Tokens, place: int) -> Span | None:
    """Where somebody works: the capitalised words after "works at" (the preposition is at ``place``)."""
    before = tokens.lowers[max(0, place - 3) : place]
    link = tokens.lowers[place]
    if (
        not (link in _AT_WORK and not _EMPLOYED.isdisjoint(before))
        and not (link in ("at", "with") and before[-1:] and before[-1] in _OCCUPATIONS)
        and not (link == "work" and before[-1:] == ["at"])
    ):
        return None
    first = place + 1
    if first < len(tokens.words) and tokens.lowers[first] == "the" and tokens.gaps[place] == " ":
        first += 1
    end = first
    while end < len(tokens.words) and end - first < 6:
        if tokens.gaps[end - 1] not in (" ", "'s ", " & ", " (", "' "):
            break
        joined = tokens.lowers[end] in ("of", "and") and end > first and tokens.capital(end + 1)
        if not tokens.words[end][0].isupper() and not joined and tokens.lowers[end] not in _LAST:
            break
        if tokens.lowers[end] in TITLES or tokens.lowers[end] in DOCTORS:
            break
        end += 1
    if end <= first or not tokens.words[first][0].isupper():
        return None
    if end == first + 1 and (tokens.words[first].isupper() or tokens.lowers[first] in MONTHS):
        return None
    stop = tokens.ends[end - 1]
    return Span(tokens.begins[first], stop + 2 * tokens.text.startswith("'s ", stop), ORGANISATION)


def saint(tokens: Tokens, place: int) -> Span | None:
    """A hospital or school by its saint alone: "born at St Oswin's" (the preposition is at ``place``)."""
    last = place + 2
    if last >= len(tokens.words) or tokens.words[place + 1] not in ("St", "Saint"):
        return None
    if tokens.lowers[place] not in ("at", "to", "in", "from", "via") or not tokens.words[last][0].isupper():
        return None
    ended = tokens.possessive(last) and tokens.text[tokens.ends[last] + 1 : tokens.ends[last] + 2] == "s"
    return Span(tokens.begins[place + 1], tokens.ends[last] + 2, ORGANISATION) if ended else None


_LAST = words("depot office warehouse factory shop store")
