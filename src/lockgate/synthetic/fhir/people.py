"""Patient, Practitioner, Organization and Location resources."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import stream
from lockgate.synthetic.fhir.common import HL7, LOCAL, NHS_NUMBER, ODS, dumps
from lockgate.synthetic.hospital import GPS_PER_PRACTICE, ROLES, TRUST_CODE, TRUST_NAME
from lockgate.synthetic.lives import NEVER
from lockgate.synthetic.ndjson import Block, Lines
from lockgate.synthetic.people import START
from lockgate.synthetic.strings import DAY, Bools, dates, join, optional, pick, picked, times, where
from lockgate.synthetic.world import World

_UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition"
_ETHNIC = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory"
_STATUS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"


def death_recorded(world: World) -> Bools:
    """Whose death the hospital's own record knows: all who died here, and four in five of the others."""
    rng = stream(world.seed, "deaths known")
    known = rng.random(len(world.people)) < 0.8
    known[world.episodes.patient[world.episodes.died]] = True
    return known & (world.lives.death_second < NEVER)


def patients(world: World) -> Block:
    """The patients, as the hospital's administration system knows them."""
    people, lives = world.people, world.lives
    last_seen = np.zeros(len(people), dtype=np.int64)
    last_seen[world.encounters.patient] = world.encounters.end
    known = death_recorded(world)
    updated = np.maximum(
        np.where(known, lives.death_second, last_seen), np.maximum(START, people.birth_day + 1) * DAY
    )
    practice_name = world.hospital.practices
    practice_code = world.hospital.practice_codes

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)

        def part(column: pa.Array) -> pa.Array:
            return column.slice(first, last - first)

        status = (
            f'"extension":[{{"url":"{_UK_CORE}/Extension-UKCore-NHSNumberVerificationStatus",'
            f'"valueCodeableConcept":{{"coding":[{{"system":"{_STATUS}","code":"01"}}]}}}}],'
        )
        nhs = where(
            people.nhs_recorded[cut],
            f'{{{status}"system":"{NHS_NUMBER}","value":"',
            part(people.nhs_number),
            '"},',
        )
        gp = people.gp[cut]
        hospital = world.hospital
        return [
            join(
                '{"resourceType":"Patient","id":"',
                part(people.patient_id),
                '","meta":{"lastUpdated":"',
                times(updated[cut]),
                f'","profile":["{_UK_CORE}/UKCore-Patient"]}},',
                f'"extension":[{{"url":"{_UK_CORE}/Extension-UKCore-EthnicCategory","valueCodeableConcept":'
                f'{{"coding":[{{"system":"{_ETHNIC}","code":"',
                part(people.ethnicity),
                '"}]}}],"identifier":[',
                nhs,
                f'{{"type":{{"coding":[{{"system":"{HL7}/v2-0203","code":"MR"}}]}},'
                f'"system":"{LOCAL}/hospital-number","value":"',
                part(people.hospital_number),
                '"}],"active":true,"name":[{"use":"official","family":"',
                part(people.family),
                '","given":["',
                part(people.given),
                '"',
                optional(',"', part(people.middle), '"'),
                '],"prefix":["',
                part(people.prefix),
                '"]}',
                optional(
                    ',{"use":"old","family":"', part(people.former), '","given":["', part(people.given), '"]}'
                ),
                '],"telecom":[{"system":"phone","value":"',
                part(people.phone),
                '","use":"mobile"}',
                optional(',{"system":"email","value":"', part(people.email), '"}'),
                '],"gender":"',
                pick(["male", "female"], people.female[cut].astype(np.int64)),
                '","birthDate":"',
                dates(people.birth_day[cut]),
                '",',
                where(
                    known[cut],
                    '"deceasedDateTime":"',
                    times(np.where(known, lives.death_second, 0)[cut]),
                    '",',
                ),
                '"address":[{"use":"home","line":["',
                part(people.address_line),
                '"],"city":"',
                part(people.city),
                '","postalCode":"',
                part(people.postcode),
                f'"}}],"maritalStatus":{{"coding":[{{"system":"{HL7}/v3-MaritalStatus","code":"',
                part(people.marital),
                '"}]},"contact":[{"relationship":[{"text":"',
                part(people.relation),
                '"}],"name":{"text":"',
                part(people.relative),
                '","family":"',
                part(people.relative_family),
                '","given":["',
                part(people.relative_given),
                '"]},"telecom":[{"system":"phone","value":"',
                part(people.relative_phone),
                '"}]}],"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"',
                part(people.language),
                '"}]}}],"generalPractitioner":[{"reference":"Practitioner/',
                picked(hospital.gp_id, gp),
                '","display":"Dr ',
                picked(hospital.gp_given, gp),
                " ",
                picked(hospital.gp_family, gp),
                f'"}},{{"type":"Organization","identifier":{{"system":"{ODS}","value":"',
                pick(practice_code, people.practice[cut]),
                '"},"display":"',
                pick(practice_name, people.practice[cut]),
                f'"}}],"managingOrganization":{{"reference":"Organization/{TRUST_CODE}"}}}}\n',
            )
        ]

    return Block(len(people), build)


def practitioners(world: World) -> list[Block]:
    """Hospital staff and general practitioners."""
    hospital = world.hospital

    def staff(first: int, last: int) -> Lines:
        cut = slice(first, last)
        return [
            join(
                '{"resourceType":"Practitioner","id":"',
                hospital.staff_id[cut],
                f'","identifier":[{{"system":"{LOCAL}/professional-number","value":"',
                hospital.staff_number[cut],
                '"}],"active":true,"name":[{"family":"',
                hospital.staff_family[cut],
                '","given":["',
                hospital.staff_given[cut],
                '"]}],"gender":"',
                pick(["male", "female"], pc.cast(hospital.staff_female[cut], pa.int64()).to_numpy()),
                '","qualification":[{"code":{"text":"',
                pick([role for role, _ in ROLES], hospital.staff_role[cut]),
                '"}}]}\n',
            )
        ]

    def doctors(first: int, last: int) -> Lines:
        cut = slice(first, last)
        return [
            join(
                '{"resourceType":"Practitioner","id":"',
                hospital.gp_id[cut],
                '","active":true,"name":[{"family":"',
                hospital.gp_family[cut],
                '","given":["',
                hospital.gp_given[cut],
                '"],"prefix":["Dr"]}],"qualification":[{"code":{"text":"General Practitioner"}}]}\n',
            )
        ]

    return [Block(len(hospital.staff_id), staff), Block(len(hospital.practices) * GPS_PER_PRACTICE, doctors)]


def organisations(world: World) -> Block:
    """The trust and the general practices."""
    hospital = world.hospital
    names = [TRUST_NAME, *hospital.practices]
    codes = [TRUST_CODE, *hospital.practice_codes]
    phones = ["01632 960000", *hospital.practice_phones.to_pylist()]
    lines = [
        dumps(
            {
                "resourceType": "Organization",
                "id": code,
                "identifier": [{"system": ODS, "value": code}],
                "active": True,
                "type": [{"text": "NHS trust" if code == TRUST_CODE else "General practice"}],
                "name": name,
                "telecom": [{"system": "phone", "value": phone}],
                "address": [{"city": "Lockbridge"}],
            }
        )
        + "\n"
        for name, code, phone in zip(names, codes, phones, strict=True)
    ]
    return Block(len(lines), lambda first, last: [pa.array(lines[first:last], pa.large_string())])


def locations(world: World) -> Block:
    """The hospital and its wards."""
    hospital = world.hospital
    role = {"critical_care": "ICU", "clinic": "OF", "emergency": "ER", "theatre": "OR", "ward": "HU"}
    lines = [
        dumps(
            {
                "resourceType": "Location",
                "id": "SITE",
                "name": TRUST_NAME,
                "status": "active",
                "physicalType": {"coding": [{"system": f"{HL7}/location-physical-type", "code": "si"}]},
                "managingOrganization": {"reference": f"Organization/{TRUST_CODE}"},
            }
        )
        + "\n"
    ]
    wards = zip(hospital.ward_codes, hospital.ward_names, hospital.ward_kinds, strict=True)
    for code, name, kind in wards:
        physical = "wa" if kind in ("ward", "critical_care") else "ro" if kind == "theatre" else "area"
        lines.append(
            dumps(
                {
                    "resourceType": "Location",
                    "id": code,
                    "identifier": [{"system": f"{LOCAL}/ward-code", "value": code}],
                    "status": "active",
                    "name": name,
                    "type": [
                        {"coding": [{"system": f"{HL7}/v3-RoleCode", "code": role[kind]}], "text": kind}
                    ],
                    "physicalType": {
                        "coding": [{"system": f"{HL7}/location-physical-type", "code": physical}]
                    },
                    "managingOrganization": {"reference": f"Organization/{TRUST_CODE}"},
                    "partOf": {"reference": "Location/SITE"},
                }
            )
            + "\n"
        )
    return Block(len(lines), lambda first, last: [pa.array(lines[first:last], pa.large_string())])


__all__ = ["death_recorded", "locations", "organisations", "patients", "practitioners"]
