"""Names of invented people and the ways that registers spell them."""

from __future__ import annotations

import random


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


GIVEN = {
    "F": words("""Mary Elizabeth Ann Sarah Jane Margaret Ellen Catherine Alice Hannah Martha Emma Harriet Eliza Annie
Emily Susan Frances Charlotte Florence Edith Agnes Isabella Rebecca Louisa Caroline Rachel Dorothy
Matilda Maria Ruth Amelia Lucy Grace Esther Helen Julia Bridget Priscilla Winifred Rose Lydia Sophia
Janet Phoebe"""),
    "M": words("""John William Thomas James George Joseph Henry Robert Charles Samuel Edward Richard David Alfred
Arthur Frederick Walter Benjamin Daniel Peter Francis Michael Patrick Isaac Hugh Albert Alexander
Andrew Matthew Stephen Ernest Edwin Philip Nathaniel Abraham Herbert Lawrence Nicholas Edmund
Jonathan Reuben Silas Ambrose"""),
}
SYLLABLES = words("""Ash Bar Black Brad Brook Car Clay Cole Crow Dal Den East Ed Fair Fen Gar Green Hal Ham Har Haw
Hol Kel Kirk Lang Lin Lock Mar Mil Mor New Nor Oak Pem Pres Rad Raven Red Row Sal Shel Stan Stock Sut
Thorn Wal War Wes Whit Win""")
ENDS = words(
    """well ton ham ley field worth by ford man wood son ster bury ing ridge croft den combe thwaite more"""
)
_COMMON = words("""Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White
Roberts Green Hall Wood Jackson Clarke Harris Cooper Turner Hill Moore Baker Reid Stewart McDonald
MacKenzie O'Brien Fitzgerald Phillips Philips Pearce Read Clayton Shaw Schofield Haigh Thomson""")
SURNAMES = _COMMON * 8 + [start + end for start in SYLLABLES for end in ENDS]
PLACES = [start + end for start in SYLLABLES[::3] for end in ENDS[:12:3]]
OCCUPATIONS = words("""weaver farmer labourer servant miner carpenter smith tailor spinner clerk baker mason sailor
soldier schoolmaster dressmaker shoemaker carter grocer publican physician painter printer cooper gardener""")

_SHORT = {
    "Elizabeth": ["Eliza", "Betty", "Bess", "Lizzie", "Elisabeth", "Eliz"],
    "Margaret": ["Maggie", "Peggy", "Margt", "Meg"],
    "Mary": ["Polly", "Molly", "Maria", "May"], "Catherine": ["Kate", "Kitty", "Katharine", "Cath"],
    "Sarah": ["Sally", "Sara"], "Ann": ["Anne", "Nancy", "Annie"], "Martha": ["Patty", "Mattie"],
    "Frances": ["Fanny"], "Ellen": ["Nellie", "Helen", "Nell"], "Dorothy": ["Dolly"], "Harriet": ["Hattie", "Harriett"],
    "William": ["Will", "Wm", "Bill", "Willm"], "John": ["Jack", "Jno", "Johnny"], "Thomas": ["Tom", "Thos"],
    "James": ["Jas", "Jim", "Jamie"], "Robert": ["Bob", "Robt", "Rob"], "Richard": ["Dick", "Richd"],
    "Edward": ["Ned", "Ted", "Edwd"], "Henry": ["Harry", "Hy"], "Joseph": ["Joe", "Jos"], "Samuel": ["Sam", "Saml"],
    "Charles": ["Chas", "Charley"], "Frederick": ["Fred", "Fredk"], "Benjamin": ["Ben", "Benj"], "Daniel": ["Dan"],
    "Alexander": ["Alex", "Sandy"], "Michael": ["Mick"], "Patrick": ["Paddy", "Pat"], "Francis": ["Frank"],
}  # fmt: skip
_SWAPS = [
    ("ph", "f"), ("ck", "k"), ("ey", "y"), ("y", "ie"), ("i", "y"), ("ee", "ea"), ("ou", "o"), ("ll", "l"), ("tt", "t"),
    ("Mac", "Mc"), ("Mc", "Mac"), ("c", "k"), ("x", "cks"), ("ley", "leigh"), ("ford", "forth"), ("well", "wall"),
    ("son", "sen"), ("e", "a"), ("er", "ar"), ("gh", ""), ("w", "wh"), ("th", "t"), ("bury", "berry"), ("s", "ss"),
]  # fmt: skip


def typo(word: str, rng: random.Random) -> str:
    """One slip: a letter lost, doubled, changed, or two of them swapped."""
    if len(word) < 3:
        return word
    at = rng.randrange(1, len(word) - 1)
    return rng.choice([
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + rng.choice("aeiounrstl") + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ])  # fmt: skip


def spell_given(name: str, rng: random.Random) -> str:
    """A given name as somebody else would write it: familiar, abbreviated, an initial, or with a slip."""
    chance = rng.random()
    if name in _SHORT and chance < 0.6:
        return rng.choice(_SHORT[name])
    if chance < 0.75:
        return name[0]
    return typo(name, rng)


def spell_family(name: str, rng: random.Random) -> str:
    """A family name by ear, once or twice changed, sometimes with a slip."""
    for _ in range(rng.choice([1, 1, 2])):
        able = [(old, new) for old, new in _SWAPS if old in name[1:] or name.startswith(old)]
        if able and rng.random() < 0.75:
            old, new = rng.choice(able)
            name = (
                name.replace(old, new, 1) if name.startswith(old) else name[0] + name[1:].replace(old, new, 1)
            )
        else:
            name = typo(name, rng)
    return name
