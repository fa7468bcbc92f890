"""HL7 v2 messages as text: stamps, escapes, the segments that every message has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pyarrow.compute as pc

from lockgate.synthetic.hospital import TRUST_CODE
from lockgate.synthetic.sources.known import Known
from lockgate.synthetic.strings import times
from lockgate.synthetic.world import World

_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message and the second (wall clock, since 1970) at which it was sent."""

    at: int
    text: str


def escape(text: str | None) -> str:
    """Text as a field may hold it; a line end becomes a repetition."""
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in text or "")
    return escaped.replace("\r\n", "~").replace("\n", "~")


@cache
def stamp(seconds: int) -> str:
    """A wall-clock time as ``20250314093000``."""
    text: str = times([seconds], zone=False)[0].as_py()
    return text.translate(str.maketrans("", "", "-T:"))


def stamps(seconds: object) -> list[str]:
    """Many times at once."""
    found: list[str] = pc.replace_substring_regex(times(seconds, zone=False), "[-T:]", "").to_pylist()  # type: ignore[arg-type]
    return found


class People:
    """The PID segment of each person, made when first wanted."""

    def __init__(self, world: World, known: Known) -> None:
        people = world.people
        self.local: list[str] = people.hospital_number.to_pylist()
        self.named: set[int] = set()
        self._nhs = known.nhs_number.to_pylist()
        self._family, self._given = known.family.to_pylist(), known.given.to_pylist()
        self._middle, self._prefix = people.middle.to_pylist(), people.prefix.to_pylist()
        self._born = pc.replace_substring(known.birth_date, "-", "").to_pylist()
        self._sex = known.sex.to_pylist()
        self._line, self._city = people.address_line.to_pylist(), people.city.to_pylist()
        self._postcode, self._phone = known.postcode.to_pylist(), people.phone.to_pylist()
        self._ethnicity = people.ethnicity.to_pylist()

    def pid(self, who: int, temporary: str | None = None) -> str:
        """The segment; under a temporary number with no more than a name, as in the emergency department."""
        if temporary:
            name = f"{escape(self._family[who])}^{escape(self._given[who])}".upper()
            return f"PID|1||{temporary}^^^{TRUST_CODE}^MR||{name}||{self._born[who]}|{self._sex[who]}"
        self.named.add(who)
        ids = f"{self.local[who]}^^^{TRUST_CODE}^MR"
        if self._nhs[who]:
            ids += f"~{self._nhs[who]}^^^NHS^NH"
        name = "^".join(
            escape(part)
            for part in (self._family[who], self._given[who], self._middle[who] or "", "", self._prefix[who])
        ).upper()
        address = f"{escape(self._line[who])}^^{escape(self._city[who])}^^{self._postcode[who]}"
        return (
            f"PID|1||{ids}||{name}||{self._born[who]}|{self._sex[who]}|||{address}||{self._phone[who]}"
            f"|||||||||{self._ethnicity[who]}"
        )


class Feed:
    """What every message of the hospital shares: its header, its wards, its staff."""

    def __init__(self, world: World) -> None:
        hospital = world.hospital
        self.trust = TRUST_CODE
        self.wards = [
            f"{code}^BAY{1 + place % 6}^{1 + place % 8}" for place, code in enumerate(hospital.ward_codes)
        ]
        self.specialties = hospital.ward_specialties
        names = zip(
            hospital.staff_id.to_pylist(),
            hospital.staff_family.to_pylist(),
            hospital.staff_given.to_pylist(),
            strict=True,
        )
        self.staff = [
            f"{number}^{escape(family).upper()}^{escape(given).upper()}^^^DR"
            for number, family, given in names
        ]
        self._staff_of = world.encounters.staff
        self._ward_of = world.encounters.ward
        self._count = 0

    def message(self, kind: str, at: int, segments: list[str], application: str = "PAS") -> Message:
        """A message with its header; its control number follows the order in which messages are made."""
        self._count += 1
        header = f"MSH|^~\\&|{application}|{self.trust}|TIE|{self.trust}|{stamp(at)}||{kind}|{self._count:09d}|P|2.4"
        return Message(at, "\r".join([header, *segments]))

    def pv1(
        self,
        kind: str,
        place: str,
        number: str,
        encounter: int,
        admitted: str,
        discharged: str = "",
        before: str = "",
    ) -> str:
        """The segment of a visit."""
        fields = [""] * 46
        fields[1], fields[2], fields[3], fields[6] = "1", kind, place, before
        fields[7] = self.staff[int(self._staff_of[encounter])]
        fields[10] = self.specialties[int(self._ward_of[encounter])]
        fields[19], fields[44], fields[45] = number, admitted, discharged
        return "|".join(["PV1", *fields[1:]])
