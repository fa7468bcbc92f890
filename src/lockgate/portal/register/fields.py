"""The fields of the UK data use register standard, and how a register entry fills them. No Django here.

Names of fields from HDR UK's "Data use registers" white paper, as listed in the shared governance data; the
values are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Entry = Mapping[str, Any]

LEGAL = {
    "6(1)(a)": "Article 6(1)(a): consent",
    "6(1)(c)": "Article 6(1)(c): legal obligation",
    "6(1)(e)": "Article 6(1)(e): public task",
    "6(1)(f)": "Article 6(1)(f): legitimate interests",
    "9(2)(a)": "Article 9(2)(a): explicit consent",
    "9(2)(h)": "Article 9(2)(h): running health or care services",
    "9(2)(i)": "Article 9(2)(i): public health",
    "9(2)(j)": "Article 9(2)(j): research in the public interest",
    "not_confidential": "The project sees de-identified data only",
    "consent": "Patients have consented",
    "section_251": "Support under section 251 of the NHS Act 2006",
    "direct_care": "Implied consent for direct care or local audit",
}


def legal(code: str) -> str:
    """A legal basis in words."""
    return LEGAL.get(code, code)


def _of(key: str) -> Callable[[Entry], str]:
    return lambda entry: str(entry.get(key) or "")


def _fixed(text: str) -> Callable[[Entry], str]:
    return lambda entry: text


def _joined(key: str) -> Callable[[Entry], str]:
    return lambda entry: "; ".join(str(item) for item in entry.get(key) or [])


def _law(key: str) -> Callable[[Entry], str]:
    return lambda entry: legal(str(entry["legal_basis"].get(key, "")))


# (Five Safes, field of the standard, value)
DUR_FIELDS: tuple[tuple[str, str, Callable[[Entry], str]], ...] = (
    ("Safe People", "Lead applicant organisation name", _of("lead_organisation")),
    ("Safe People", "Organisation ID", _of("organisation_id")),
    ("Safe People", "Organisation sector", _of("organisation_sector")),
    ("Safe People", "Applicant names", _fixed("Published as organisations")),
    ("Safe People", "Applicant ID (ORCID)", _fixed("")),
    ("Safe People", "Funders/Sponsors", _joined("funders")),
    ("Safe People", "DEA accredited researcher?", _fixed("")),
    ("Safe People", "Sub-licence arrangements (if any)?", _fixed("No")),
    ("Safe Projects", "Project ID", _of("reference")),
    ("Safe Projects", "Project title", _of("title")),
    ("Safe Projects", "Lay summary (max 300 words)", _of("lay_summary")),
    ("Safe Projects", "Public benefit statement", _of("public_benefit")),
    ("Safe Projects", "Request category type", _of("kind_label")),
    ("Safe Projects", "Technical summary", _fixed("")),
    ("Safe Projects", "Other approval committees", _of("ethics_reference")),
    ("Safe Projects", "Project start date (ISO 8601)", _of("valid_from")),
    ("Safe Projects", "Project end date (ISO 8601)", _of("valid_until")),
    ("Safe Projects", "Latest approval date (ISO 8601)", _of("approved_on")),
    ("Safe Data", "Dataset(s) name", _joined("datasets")),
    (
        "Safe Data",
        "Data sensitivity level (Personally Identifiable > De-Personalised > Anonymous)",
        _fixed("De-Personalised"),
    ),
    ("Safe Data", "Legal basis for provision of data under Article 6", _law("article_6")),
    ("Safe Data", "Lawful conditions for provision of data under Article 9", _law("article_9")),
    ("Safe Data", "Common Law Duty of Confidentiality", _law("common_law")),
    ("Safe Data", "National data opt-out applied?", _fixed("Yes")),
    ("Safe Data", "Request frequency", _fixed("One-off")),
    ("Safe Data", "For linked datasets, specify how the linkage will take place", _of("linkage_statement")),
    (
        "Safe Data",
        "For linked datasets, specify how any new assets created will be managed and archived",
        _fixed("They stay in the environment and are deleted when access ends"),
    ),
    ("Safe Data", "Description of the confidential data being used", _of("data_statement")),
    ("Safe Data", "Release/Access date (ISO 8601)", _of("valid_from")),
    ("Safe Setting", "Access type (Release/TRE)", _fixed("TRE")),
    (
        "Safe Setting",
        "How has data been processed to enhance privacy?",
        _fixed(
            "De-identified with keyed pseudonyms that differ for each project; only the approved tables, columns, "
            "people and period; every result checked by rule and by two people"
        ),
    ),
    ("Safe Outputs", "Link to research outputs", _joined("result_links")),
)


def dur_row(entry: Entry) -> dict[str, str]:
    """One entry as a row with the standard's 32 fields."""
    return {name: value(entry) for _, name, value in DUR_FIELDS}


def plain_cell(value: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
