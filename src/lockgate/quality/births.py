"""PERSON as the checks of dates and genders read it."""

from __future__ import annotations

from lockgate.quality.cdm import Cdm, MissingError


def born(cdm: Cdm) -> str:
    """PERSON once: its key, its gender, the day of birth, and the day for want of one (1 June, plausibleTemporalAfter).

    The day of birth is that of birth_datetime, else of the parts, the first where the month or day isn't told.
    """

    def told_of(field: str) -> str:
        try:
            return cdm.read("person", field, "p")
        except MissingError:  # those that need it say so
            return "NULL"

    year, month, day = (told_of(f"{part}_of_birth") for part in ("year", "month", "day"))
    told = f"CAST({told_of('birth_datetime')} AS DATE)"

    def made(month: str, day: str) -> str:
        return f"TRY_CAST(printf('%04d-%02d-%02d', {year}, {month}, {day}) AS DATE)"

    return (
        f"SELECT {told_of('person_id')} AS person_id, {told_of('gender_concept_id')} AS gender_concept_id, "
        f"coalesce({told}, {made(f'coalesce({month}, 1)', f'coalesce({day}, 1)')}) AS born, "
        f"coalesce({told}, {made('6', '1')}) AS born_in_june, "
        "CAST(row_number() OVER () AS INTEGER) AS place FROM person AS p"
    )
