"""Whether a note is one that the engine can read: in English, in Latin letters.

The engine's cues, lists and guards are English. A note in another language keeps names that it would not see, so such
a note is withheld, whole: it is told by its script, and by the small words of other languages, paragraph by paragraph,
so that a letter with a translation under it is told too. The words are our own lists: the commonest function words and
some that any note has, of the languages most spoken in the UK, with or without their accents; none is an English word,
an abbreviation or part of a name.
"""

from __future__ import annotations

import re

from lockgate.deidentify.text.fold import fold, words

# Letters of scripts that are not Latin. Greek letters are symbols (a beta blocker, micrograms); three are a word.
_OTHER_SCRIPT = re.compile(
    "[\u0400-\u1c7f\u1cd0-\u1cff\u2c00-\u2c5f\u2c80-\u2dff\u2e80-\u2fff\u3005-\u3007\u3031-\ua63f\ua640-\ua69f"
    "\ua800-\uab2f\uab70-\ud7ff\uf900-\ufaff\ufb1d-\ufdff\ufe70-\ufefc\uff66-\uffdc\U00010300-\U0001cfff"
    "\U00020000-\U0003ffff]|[\u0370-\u03ff\u1f00-\u1fff]{3}"
)
_WORD = re.compile(r"[^\W\d_]+")

_LANGUAGES = {
    "Welsh": """ac mae yn yr wedi ei eu gan gyda nad nid oedd bod fod hefyd iawn ond roedd sydd dydd diolch eisiau claf
        cleifion ysbyty meddyg poen heddiw cael gwneud teimlo i'w hi'n mae'n rwy rwyf wrth trwy ar ôl bore hwn hon""",
    "Polish": """się nie jest jego jej oraz przez że który która które był była było od dla także przy bez po lub
        pacjent pacjentka pacjenta leczenie dobrze szpital zgłasza ból bóle wizyta czuje jestem tego tylko bardzo już
        dolegliwości badanie zalecenia chory skierowany dnia""",
    "Romanian": """și să nu este cu din care pentru fost sunt prin mai după fără are pacientul pacienta pacient
        tratament dureri spital unui unei acest această iar către""",
    "Spanish": """el los las una del que por como más pero sus fue con está paciente pacientes dolor tratamiento
        hospital sin también muy desde hace sobre ella mañana refiere años cuando porque""",
    "Portuguese": """não uma com os dos que para seu sua são está foi pelo pela também mais muito doente doentes utente
        dor dores tratamento hospital sem há refere anos quando ao às""",
    "French": """les des une est pas dans pour qui sur avec son ses aux cette elle il été sont ont patiente douleur
        douleurs traitement hôpital sans depuis chez ans monsieur madame du mais très""",
    "Italian": """il lo gli che della delle degli con non una è sono stato stata per più anche paziente pazienti dolore
        dolori ospedale senza dopo suo sua dal nel alla anni questo""",
    "German": """der die das und ist nicht ein eine einer mit auf für dem den von sich auch wird wurde bei nach aus
        patientin schmerzen behandlung krankenhaus sehr seit keine oder über ihre seine""",
    "Dutch": """het een van en niet zijn met voor op dat die bij heeft aan werd ook patiënte patiënt pijn behandeling
        ziekenhuis geen naar maar sinds haar""",
    "Turkish": """ve bir bu için ile olarak olan değil çok daha hasta hastanın ağrı ağrısı tedavi hastane yok var sonra
        gün kadar gibi hastaneye şikayeti""",
    "Somali": """iyo waa waxay wuxuu oo aan ayaa laakiin waxaa bukaanka xanuun isbitaalka dhakhtar maalin kale""",
    "Lithuanian": """ir yra kad su iš bet kaip dėl nuo per po pacientas pacientė skausmas gydymas ligoninė labai jis ji
        jos jo""",
    "Hungarian": """és az egy hogy nem van volt meg azt beteg betegnek fájdalom kezelés kórház nagyon vagy csak mint""",
    "Czech": """se je na že který která byl byla nebo při jako pacientka bolest bolesti léčba nemocnice velmi také jeho
        její""",
    "Vietnamese": """và của là không được có cho với một này bệnh nhân đau điều trị viện người""",
    "Albanian": """dhe është një për nga që me të në pacienti pacientja dhimbje spital shumë nuk""",
    "Tagalog": """ang ng mga sa ay hindi na siya ito pasyente sakit ospital ko po""",
    "Swahili": """na ya wa kwa ni katika mgonjwa maumivu hospitali yake sana lakini""",
}  # fmt: skip
# Words of these lists that English notes have too: abbreviations, names, drugs, Latin.
_NOT_TELLING = words("""
    esta mas fur fue nad not met hospital per con sin non van die den el la los las les des der das du du il lo
    is no na me on at an or op that bit en ya oo po nu mai are ale es do od aan ar ac ei as an has had by so pas
    ses se su as een bei ans var ang ng ko ay ni wa ir yn yr ji jo po ve bu ile en age aux dal nel che as os ao
    com sur son
""")  # fmt: skip
# What notes in English have, however short the hand: twenty words without any of these are another language.
_ENGLISH = words("""
    the of and to in a is was for with no on not at he she his her has had be by as from this that it are were
    or an will if but all been who they which have him your you i we our me my seen review pt patient day days
    week weeks year years home ward left right pain normal daily mg ml noted given well history today last plan
    due follow up per clinic tablets once twice
""")
_FOREIGN: dict[str, frozenset[str]] = {
    name: frozenset(word for word in words(fold(said)[0]) if len(word) > 2) - _NOT_TELLING - _ENGLISH
    for name, said in _LANGUAGES.items()
}
_ANY_FOREIGN = frozenset().union(*_FOREIGN.values())
_FEW = 2  # small words of another language, at least
_MANY_WORDS = 20


def unreadable_language(text: str) -> str | None:
    """Why the engine can't read a note, or a paragraph of it: "other-script", "other-language"; None where it can."""
    if not text.isascii() and _OTHER_SCRIPT.search(text):
        return "other-script"
    lower = fold(text)[0].lower()
    said = set(lower.split())
    if len(said & _ANY_FOREIGN) >= _FEW and any(_is_foreign(part) for part in (*_paragraphs(lower), lower)):
        return "other-language"
    if not said & _ENGLISH and _is_prose(lower):
        return "other-language"
    return None


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n|(?<=[.:!?])\s*\n", text) if part.strip()]


def _is_foreign(part: str) -> bool:
    """Whether small words of one other language outnumber the English ones, and are a good part of all."""
    said: list[str] = _WORD.findall(part)
    english = sum(1 for word in said if word in _ENGLISH)
    for telling in _FOREIGN.values():
        found = [word for word in said if word in telling]
        if len(set(found)) >= _FEW and len(found) > english and len(found) * 8 >= len(said):
            return True
    return False


def _is_prose(text: str) -> bool:
    """Whether a text has many words, one after another, as no list of results has."""
    said: list[str] = re.findall(r"[^\W\d_]{2,}(?: [^\W\d_]{2,}){4,}", text)
    return sum(run.count(" ") + 1 for run in said) >= _MANY_WORDS
