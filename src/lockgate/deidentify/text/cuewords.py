"""Words that make a name of what stands beside them: titles, roles, relations, labels, verbs. The lists are our own."""

from __future__ import annotations

from lockgate.deidentify.text.fold import words

TITLES = words("mr mrs miss ms mx master rev revd reverend sir lady lord dame")
DOCTORS = words("dr drs doctor prof professor sr pc wpc sgt so fr br")
# Titles that are words too when they are written otherwise: "SO Wood" is an officer, "Fr Smith" a priest.
WRITTEN = {"so": "SO", "fr": "Fr", "br": "Br"}
ROLES = words("""
    nurse sister matron consultant registrar physio physiotherapist pharmacist midwife hca cpn cns sho spr slt
    ot rn rmn sn ssn dietitian dietician paramedic psychologist psychiatrist surgeon radiographer radiologist
    anaesthetist optometrist podiatrist secretary keyworker key-worker coordinator co-ordinator practitioner
    worker technician receptionist chaplain interpreter visitor therapist counsellor teacher crew
    solicitor imam
    rabbi vicar priest cardiologist neurologist oncologist haematologist nephrologist urologist geriatrician
    paediatrician obstetrician gynaecologist dermatologist dentist intensivist microbiologist pathologist
    histopathologist phlebotomist porter ward-clerk clerk enp anp acp f1 fy1 fy2 gp audiologist orthotist
    chiropodist odp support-worker lead manager clinician dictated typed signed verified authorised
    chair rad path onc pharm driver student cellmate
    transcribed countersigned author rgn rmo dct rscn hcsw
    sonographer echocardiographer reporter
    tvn mw cmw dsn ahp aht ccn sncm ncm imca imha amhp slp phleb healthvisitor sw hv nurse-in-charge cons checker
""")
RELATIONS = words("""
    son daughter wife husband partner ex-partner ex-wife ex-husband mother father mum mom dad mummy daddy
    brother sister sibling neighbour neighbor carer caregiver friend boyfriend girlfriend fiance fiancee aunt
    auntie uncle niece nephew cousin grandson granddaughter grandchild grandmother grandfather grandma grandad
    granddad nan nana gran stepson stepdaughter stepmother stepfather stepbrother stepsister step-son
    step-daughter step-mother step-father guardian nok kin twin spouse half-brother half-sister mother-in-law
    father-in-law son-in-law daughter-in-law sister-in-law brother-in-law widow widower godmother godfather
    mate mates pal boss
    flatmate housemate landlord landlady companion fiancé fiancée baby
    cleaner lodger nanny childminder tenant sib grandpa granny
""")
SALUTATIONS = words("dear hi hello hiya dearest")
CLOSINGS = words("yours thx ta cheers rgds love sincerely faithfully regards wishes truly thanks")
LABELS = words("""
    patient name re surname forename forenames firstname lastname family given nok consultant secretary gp
    author from to for clinician keyworker referrer attn patient's client resident relative contact mother
    father informant witness discussed present attendees apologies cc copy regarding
    sw hv cpn rc scribe mw sig cons worker caller reporter radiographer supervisor manager chair coord
    hca sn rn ttl
    anaes anaesthetist surgeon nurse midwife interpreter receptionist solicitor chaplain advocate teacher
    tutor head
    assistant assistants surgeons scribe signature pt known baby client apols apology escort crew driver
    chaperone witness action reviewer bloods rota nurses
    sho reg spr registrar matron pharmacist pharm physio physiotherapist ot doctor dietitian podiatrist optician
    dentist warden keyworker carer imam vicar headteacher coroner officer executor appointee attorney deputy landlord
    sonographer echocardiographer physiologist cardiographer reader ref referrer
    completed recorded received verified checked transcribed entered lead owner on-call referred operator airway
    cannulator recorder requester clerk cardiologist psychologist radiologist anaesthetic intensivist
""")
# Labels after which a plain word is a finding: "Physio: Mobilised".
DEPARTMENTS = words("""
    physio physiotherapist ot pharm pharmacist dietitian podiatrist optician dentist completed recorded received
    verified checked entered lead referred airway sonographer echocardiographer physiologist cardiographer ref
    chaperone psychologist cardiologist anaesthetic doctor nurse carer
""")
# A word, and the words that make a cue of it when they stand before: "seen by", "handed over to", "also known as".
LINKS: dict[str, frozenset[str]] = {
    "by": words("""
    seen reviewed reported signed dictated typed written authorised verified referred accompanied brought
    assessed examined discussed approved checked prescribed administered performed cosigned countersigned
    completed requested supervised raised visited escorted collected taken made entered witnessed
"""),
    "with": words("""
    met lives living spoke spoken discussed discussion relationship liaised reviewed stays staying contact
    meeting conversation married
"""),
    "to": words("spoke spoken over speak talked spoke married attention delegated escalated copied copy"),
    "from": words("call message letter email history text visit calls telephone heard phoned information"),
    "about": words("talked talks spoke talking worried concerned concerns"),
    "as": words("known"),
    "for": words("ask asked asking"),
    "and": frozenset(),
}  # fmt: skip
# Verbs with a person before them: "Hope Hall rang (07700 900123)".
DID = words(
    "clerked "
    "rang phoned telephoned called visited emailed texted attended asked reported reports says said states aware"
)
CALLED = words("called named nee née alias aka formerly phoned rang")
