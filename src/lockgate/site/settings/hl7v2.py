"""The ``[hl7v2]`` section of ``site.toml``: what a site's HL7 v2 feeds mean by their identifiers and codes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from lockgate.site.settings.section import Section

Meaning = Literal["nhs_number", "local_number", "ignore"]

# "AUTHORITY/TYPE" of a PID-3 identifier (CX.4 and CX.5); "*" stands for any, "-" for none sent.
IDENTIFIERS: dict[str, Meaning] = {
    "NHS/*": "nhs_number",
    "NHSNBR/*": "nhs_number",
    "NHSNMBR/*": "nhs_number",
    "2.16.840.1.113883.2.1.4.1/*": "nhs_number",
    "*/NH": "nhs_number",
    "*/NHS": "nhs_number",
    "*/NHSNBR": "nhs_number",
    "*/NNGBR": "nhs_number",
    "*/MR": "local_number",
    "*/MRN": "local_number",
    "*/PI": "local_number",
    "*/MEDREC": "local_number",
    "*/HOSP": "local_number",
    "*/-": "local_number",
    "*/*": "ignore",
}

# PV1-2 to encounter_class; HL7 table 0004 and what NHS systems send.
PATIENT_CLASSES: dict[str, str] = {
    "E": "emergency",
    "EMERGENCY": "emergency",
    "I": "inpatient",
    "INPATIENT": "inpatient",
    "D": "inpatient",
    "DC": "inpatient",
    "DAY CASE": "inpatient",
    "DAYCASE": "inpatient",
    "P": "inpatient",
    "B": "inpatient",
    "O": "outpatient",
    "OUTPATIENT": "outpatient",
    "R": "outpatient",
    "V": "virtual",
    "H": "home",
}

# OBR-24 (HL7 table 0074 and what laboratories send), MSH-4 or MSH-3 to a category of results.
CATEGORIES: dict[str, str] = {
    "MB": "microbiology",
    "MC": "microbiology",
    "MCB": "microbiology",
    "MYC": "microbiology",
    "PAR": "microbiology",
    "VR": "microbiology",
    "RAD": "imaging",
    "CT": "imaging",
    "MR": "imaging",
    "MRI": "imaging",
    "US": "imaging",
    "RUS": "imaging",
    "NMS": "imaging",
    "DX": "imaging",
    "Vitals": "vital-signs",
}


class Hl7Section(Section):
    """How this site's HL7 v2 messages are to be read. Entries of a table add to the defaults or replace them."""

    time_zone: str = Field(default="", description="zone of times without an offset; empty: the site's")
    character_set: Literal["UNICODE UTF-8", "8859/1", "8859/15"] = Field(
        default="UNICODE UTF-8", description="of messages whose MSH-18 is empty"
    )
    identifiers: dict[str, Meaning] = Field(
        default_factory=dict, description='"AUTHORITY/TYPE" of PID-3 to its meaning; "*" any, "-" none'
    )
    visit_number: list[Literal["PV1-19", "PID-18"]] = Field(
        default_factory=lambda: list[Literal["PV1-19", "PID-18"]](["PV1-19", "PID-18"]),
        min_length=1,
        description="where the visit's number stands, in order",
    )
    patient_classes: dict[
        str, Literal["emergency", "inpatient", "outpatient", "virtual", "home", "other"]
    ] = Field(default_factory=dict, description="PV1-2 to encounter_class")
    locations: dict[str, Literal["emergency", "ward", "critical_care", "theatre", "clinic", "other"]] = Field(
        default_factory=dict, description="point of care (PV1-3.1) to the kind of place"
    )
    categories: dict[str, str] = Field(
        default_factory=dict, description="OBR-24, MSH-4 or MSH-3 to a category of results"
    )
    processing_ids: list[Literal["P", "T", "D"]] = Field(
        default_factory=lambda: list[Literal["P", "T", "D"]](["P"]),
        min_length=1,
        description="MSH-11 of messages that are staged (P production, T training, D debugging); empty counts as P",
    )
    max_message_kb: int = Field(
        default=16_384, ge=64, description="the listener refuses larger messages (AR)"
    )

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        from lockgate.site.zones import time_zones

        if value and value not in time_zones():
            raise ValueError(f"{value!r} is no IANA time zone, such as 'Europe/London'")
        return value

    @model_validator(mode="after")
    def _no_conflict(self) -> Hl7Section:
        seen: dict[str, tuple[str, str]] = {}
        for key, meaning in self.identifiers.items():
            if key.count("/") < 1 or not all(part.strip() for part in key.rsplit("/", 1)):
                raise ValueError(
                    f'identifiers: {key!r} is not "AUTHORITY/TYPE", such as "RXX01/MR" or "*/NH"'
                )
            folded = key.upper()
            if folded in seen and seen[folded][1] != meaning:
                raise ValueError(
                    f"identifiers: {key!r} and {seen[folded][0]!r} are one identifier with two meanings"
                )
            seen[folded] = (key, meaning)
        return self

    def meaning(self, authority: str, kind: str) -> Meaning:
        """What an identifier of this assigning authority and type code is.

        The site's entries come before the defaults; within each, "A/T" before "A/*" before "*/T" before "*/*".
        """
        upper = {key.upper(): value for key, value in self.identifiers.items()}
        who, what = authority.strip().upper() or "-", kind.strip().upper() or "-"
        for rules in (upper, IDENTIFIERS):
            for key in (f"{who}/{what}", f"{who}/*", f"*/{what}", "*/*"):
                if key in rules:
                    return rules[key]
        return "ignore"
