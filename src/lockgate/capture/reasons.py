"""Why a raw item is held back: every reason, what it means and what to do. The docs are made from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of quarantine. ``retried``: a later capture may stage the item without anyone's help."""

    code: str
    meaning: str
    remedy: str
    retried: bool = False


_ALL = (
    Reason("unreadable-file", "The file can't be opened, or is no gzip file though its name says so.", "Mend its permissions or ask the source to send it again."),
    Reason("truncated-file", "The file breaks off: its last line or its compressed stream is incomplete. Whole lines before the break were read.", "Ask the source to send the file again; lines already staged will count as duplicates."),
    Reason("not-utf8", "The line is not UTF-8 text, or holds null bytes.", "Ask the source to write UTF-8."),
    Reason("not-json", "The line is not JSON.", "Ask the source to mend its export."),
    Reason("not-an-object", "The line is JSON, but no object.", "Ask the source to mend its export."),
    Reason("no-resource-type", "The object has no resourceType: it is no FHIR resource.", "Leave it; export logs look like this."),
    Reason("unknown-resource-type", "The resourceType is not one of FHIR R4.", "Ask the source what it means."),
    Reason("not-staged-yet", "A FHIR R4 resource type that Lockgate keeps raw but does not stage yet.", "Nothing: `capture quarantine retry` stages it once a version of Lockgate does."),
    Reason("no-id", "The resource or row has no id, so no later version could replace it.", "Ask the source to send ids."),
    Reason("empty-bundle", "A Bundle without a resource in any entry.", "Leave it, or ask the source what it meant to send."),
    Reason("missing-required", "An element or column that must be there is missing.", "Ask the source to send it."),
    Reason("wrong-type", "An element or column is of the wrong type: text where a number is due, an object where a list is.", "Ask the source to mend its export."),
    Reason("impossible-date", "A date that is not in the calendar, is before 1880, lies in the future where it can't, or an end before its start.", "Ask the source to correct the record."),
    Reason("bad-nhs-number", "An NHS number that is not ten digits or fails its Modulus-11 check digit.", "Ask the source to correct or remove the number; records of this patient wait until it comes."),
    Reason("bad-code", "A value outside the list of codes the contract allows.", "Ask the source to correct it, or add the code to the contract."),
    Reason("unknown-unit", "A quantity whose unit is no valid UCUM code.", "Ask the source to send a UCUM code."),
    Reason("missing-reference", "The patient or encounter the record belongs to has not come (or is itself in quarantine).", "Nothing: each later capture tries again.", retried=True),
    Reason("wrong-columns", "A row with more or fewer values than the header has names.", "Ask the source to quote its values."),
)  # fmt: skip

REASONS = {reason.code: reason for reason in _ALL}


def as_markdown() -> str:
    """The table of the reference page."""
    lines = ["| reason | meaning | what to do |", "|---|---|---|"]
    lines += [f"| `{reason.code}` | {reason.meaning} | {reason.remedy} |" for reason in _ALL]
    return "\n".join(lines) + "\n"
