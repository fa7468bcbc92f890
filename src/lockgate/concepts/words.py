"""The other ways to write a term: British and American spelling, plural, "A of B" and "B A", apostrophes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.concepts.fold import folded_words

# American beginning or ending of a word -> British, where the two differ by rule.
_BRITISH = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bedema", "oedema"),
        (r"edema(?=\b|t)", "oedema"),
        (r"\b(|an|poly|thalass|oligo|hyper|hypo)hem(?=[ao])", r"\1haem"),
        (r"([a-z]{2})emia(s?)\b", r"\1aemia\2"),
        (r"([a-z])emic\b", r"\1aemic"),
        (r"\besoph", "oesoph"),
        (r"rrhea", "rrhoea"),
        (r"pnea\b", "pnoea"),
        (r"\b(\w*)tumor", r"\1tumour"),
        (r"pediatric", "paediatric"),
        (r"gynec", "gynaec"),
        (r"orthoped", "orthopaed"),
        (r"\bcecum", "caecum"),
        (r"\bcecal", "caecal"),
        (r"\bfeces", "faeces"),
        (r"\bfecal", "faecal"),
        (r"\bfiber", "fibre"),
        (r"\bcolor", "colour"),
        (r"anesth", "anaesth"),
        (r"\bceliac", "coeliac"),
        (r"estrogen", "oestrogen"),
        (r"\bcenter\b", "centre"),
        (r"(\w{3})ization\b", r"\1isation"),
        (r"(\w{3})ized\b", r"\1ised"),
        (r"leukocyt", "leucocyt"),
        (r"\bfetal", "foetal"),
        (r"hemorrh", "haemorrh"),
        (r"\bmelena", "melaena"),
        (r"sulfa", "sulpha"),
        (r"aluminum", "aluminium"),
        (r"uremi", "uraemi"),
        (r"labor\b", "labour"),
    )
)
_AMERICAN = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"oedema", "edema"),
        (r"haem", "hem"),
        (r"aemi", "emi"),
        (r"oesoph", "esoph"),
        (r"rrhoea", "rrhea"),
        (r"pnoea", "pnea"),
        (r"tumour", "tumor"),
        (r"paediatric", "pediatric"),
        (r"gynaec", "gynec"),
        (r"orthopaed", "orthoped"),
        (r"caec", "cec"),
        (r"faec", "fec"),
        (r"fibre", "fiber"),
        (r"colour", "color"),
        (r"anaesth", "anesth"),
        (r"coeliac", "celiac"),
        (r"oestrogen", "estrogen"),
        (r"centre\b", "center"),
        (r"isation\b", "ization"),
        (r"(\w{3})ised\b", r"\1ized"),
        (r"leucocyt", "leukocyt"),
        (r"foetal", "fetal"),
        (r"melaena", "melena"),
        (r"sulpha", "sulfa"),
        (r"aluminium", "aluminum"),
        (r"labour\b", "labor"),
    )
)
# A form in which none of these stands is spelt alike in both.
_DIFFERS = re.compile(
    "edema|ha?em|a?emi|o?esoph|rrho?ea|pno?ea|tumou?r|a?edi|gyna?ec|orthopa?ed|a?ec|fib|colo|ana?esth|o?eliac|"
    "estrogen|cent(?:er|re)|i[sz]|leu[ck]o|fo?et|mela?en|sul|alumin|urem|labou?r|o?edem"
)
_OF = re.compile(r"^([a-z]+(?: [a-z]+)?) of (?:the )?([a-z]+(?: [a-z]+)?)$")
_MALIGNANT = re.compile(r"^(?:primary )?malignant (?:tumou?r|neoplasm) of (?:the )?([a-z]+(?: [a-z]+)?)$")
# "(disorder)", "(finding)": what SNOMED CT puts after a full name.
_SUFFIX = re.compile(r"\s*\([^()]*\)\s*$")
_POSSESSIVE = re.compile(r"['\u2019]s\b")


def variants(term: str) -> Iterator[str]:
    """The folded forms of a term, its own first; some may come twice."""
    bare = _SUFFIX.sub("", term) or term
    base = folded_words(bare)
    yield base
    forms = [base]
    if _POSSESSIVE.search(bare):  # Crohn's disease, Crohns disease, Crohn disease
        forms += [folded_words(_POSSESSIVE.sub(other, bare)) for other in ("s", "")]
    if bare.count(",") == 1:  # "Diabetes, type 2" is "type 2 diabetes"
        first, _, last = bare.partition(",")
        forms.append(folded_words(f"{last} {first}"))
    if found := _MALIGNANT.match(base):
        forms += [f"{found[1]} cancer", f"cancer of {found[1]}", f"cancer of the {found[1]}"]
    if found := _OF.match(base):
        forms += [f"{found[2]} {found[1]}", f"{found[1]} of the {found[2]}", f"{found[1]} of {found[2]}"]
    for form in list(forms):
        if _DIFFERS.search(form):
            forms += [spelt for spelt in (_spelt(form, _BRITISH), _spelt(form, _AMERICAN)) if spelt != form]
    for form in dict.fromkeys(forms):
        yield form
        yield from _numbers(form)


def _spelt(form: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, replacement in rules:
        form = pattern.sub(replacement, form)
    return form


def _numbers(form: str) -> Iterator[str]:
    """The form with its last word as plural, or as singular where it is one, and "A of B" with plural A."""
    words = form.split(" ")
    last = words[-1]
    if len(last) >= 4 and last.isalpha() and not last.endswith(("is", "us", "ss", "itis", "emia", "ia")):
        head = form[: -len(last)]
        if last.endswith("ies"):
            yield f"{head}{last[:-3]}y"
        elif last.endswith("s"):
            yield f"{head}{last[:-1]}"
        elif last.endswith("y") and last[-2] not in "aeiou":
            yield f"{head}{last[:-1]}ies"
        elif last.endswith(("x", "ch", "sh")):
            yield f"{head}{last}es"
        else:
            yield f"{head}{last}s"
    if len(words) > 2 and words[1] == "of" and len(words[0]) >= 4 and not words[0].endswith("s"):
        yield " ".join([f"{words[0]}s", *words[1:]])
