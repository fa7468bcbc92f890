"""The hospital itself: wards, staff, and the general practices around it. All invented."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints, choose, stream
from lockgate.synthetic.people import draw_cultures, names, phones
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import join, numbered, pick, strings

TRUST_CODE = "RZZ"
TRUST_NAME = "Lockbridge Royal Infirmary"
GPS_PER_PRACTICE = 5
ROLES = (  # role, share of staff
    ("Consultant", 30),
    ("Registrar", 22),
    ("Staff Nurse", 34),
    ("Radiologist", 8),
    ("Pharmacist", 6),
)


@dataclass(frozen=True)
class Hospital:
    """Wards by number, staff and general practitioners column-wise."""

    ward_codes: list[str]
    ward_names: list[str]
    ward_kinds: list[str]
    ward_specialties: list[str]
    ward_beds: list[int]
    practices: list[str]
    practice_codes: list[str]
    practice_phones: pa.Array
    staff_id: pa.Array
    staff_given: pa.Array
    staff_family: pa.Array
    staff_female: pa.Array
    staff_role: Ints
    staff_number: pa.Array  # professional registration number, seven digits, from no real range
    gp_id: pa.Array
    gp_given: pa.Array
    gp_family: pa.Array

    def ward(self, code: str) -> int:
        """A ward's number by its code."""
        return self.ward_codes.index(code)

    def staff_of(self, *roles: str) -> Ints:
        """The staff numbers of the given roles."""
        wanted = [number for number, (role, _) in enumerate(ROLES) if role in roles]
        return np.flatnonzero(np.isin(self.staff_role, wanted))


def make_hospital(patients: int, seed: int) -> Hospital:
    """Draw the hospital; more staff where there are more patients."""
    rng = stream(seed, "hospital")
    words = data("words")
    staff = 80 + min(400, patients // 250)
    female = rng.random(staff) < 0.6
    given, family = names(rng, draw_cultures(rng, staff), female)
    practices = words["practices"]
    gps = len(practices) * GPS_PER_PRACTICE
    gp_given, gp_family = names(rng, draw_cultures(rng, gps), rng.random(gps) < 0.55)
    role = choose(rng, [share for _, share in ROLES], staff)
    role[: len(ROLES)] = np.arange(len(ROLES))
    wards = words["wards"]
    return Hospital(
        ward_codes=[ward[0] for ward in wards],
        ward_names=[ward[1] for ward in wards],
        ward_kinds=[ward[2] for ward in wards],
        ward_specialties=[ward[3] for ward in wards],
        ward_beds=[ward[4] for ward in wards],
        practices=practices,
        practice_codes=[f"Q99{number:03d}" for number in range(1, len(practices) + 1)],
        practice_phones=phones(rng, len(practices)),
        staff_id=numbered(np.arange(1, staff + 1), 4, "S"),
        staff_given=given,
        staff_family=family,
        staff_female=pa.array(female),
        staff_role=role,
        staff_number=numbered(9_900_000 + rng.permutation(99_000)[:staff], 7),
        gp_id=numbered(np.arange(1, gps + 1), 4, "G"),
        gp_given=gp_given,
        gp_family=gp_family,
    )


def staff_names(hospital: Hospital) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Each member of staff as a note signs them: full name with title, title and family name, role."""
    titles = ["Dr" if role in ("Consultant", "Registrar", "Radiologist") else "" for role, _ in ROLES]
    title = pick([f"{word} " if word else "" for word in titles], hospital.staff_role)
    nurse = pc.if_else(hospital.staff_female, "Sr ", "Mr ")
    short = pc.if_else(pc.equal(title, ""), nurse.cast(pa.large_string()), title)
    full = join(title, hospital.staff_given, " ", hospital.staff_family)
    return full, join(short, hospital.staff_family), pick([role for role, _ in ROLES], hospital.staff_role)


def practice_column(hospital: Hospital, practice: Ints) -> pa.Array:
    """The practice's name for each row."""
    return strings(hospital.practices).take(pa.array(practice))
