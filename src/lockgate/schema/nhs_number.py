"""NHS numbers: the one implementation of their check digit, for Python and for SQL.

An NHS number has ten digits; the tenth is a Modulus 11 check digit (NHS Data Dictionary, "NHS NUMBER"):
multiply the first nine digits by 10, 9, ... 2, add, take the remainder of division by 11 from 11; a result
of 11 is written as 0, and a result of 10 means that the number was never issued. Ten equal digits pass
that sum but are placeholders that people type, so they are not valid here.
"""

from __future__ import annotations

import re

# What people type between the digits: white space, no-break and thin spaces, dashes, dots, slashes.
_SEPARATOR_CHARS = " \t\n\r\u00a0\u2007\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2015-./"
_DROP_SEPARATORS = str.maketrans("", "", _SEPARATOR_CHARS)
_TEN = re.compile(r"[0-9]{10}", re.ASCII)


def check_digit(first_nine: str) -> int | None:
    """The check digit of nine digits, or None where no such number can be issued (remainder 10)."""
    total = sum((10 - place) * int(digit) for place, digit in enumerate(first_nine))
    digit = (11 - total % 11) % 11
    return None if digit == 10 else digit


def clean(value: str | None) -> str | None:
    """The ten digits of a number written with any separators; None where it isn't ten digits."""
    if value is None:
        return None
    digits = value.translate(_DROP_SEPARATORS)
    return digits if _TEN.fullmatch(digits) else None


def valid(value: str | None) -> bool:
    """True where the value, separators aside, is ten digits with a right check digit and no placeholder."""
    digits = clean(value)
    if digits is None or digits == digits[0] * 10:
        return False
    return check_digit(digits[:9]) == int(digits[9])


# DuckDB macros. nhs_number_clean(x): ten digits or NULL. nhs_number_valid(x): false for NULL, never NULL.
# A macro has no local names and n is evaluated once per term, so the usual
# case, ten bare digits, comes first and costs no translate.
_STRIPPED = f"translate(CAST(x AS VARCHAR), '{_SEPARATOR_CHARS}', '')"
_SUM = " + ".join(f"(n // {10 ** (9 - place)} % 10) * {10 - place}" for place in range(9))

SQL_MACROS: tuple[str, ...] = (
    f"""CREATE OR REPLACE MACRO nhs_number_clean(x) AS
    CASE WHEN regexp_full_match(CAST(x AS VARCHAR), '[0-9]{{10}}') THEN CAST(x AS VARCHAR)
         WHEN regexp_full_match({_STRIPPED}, '[0-9]{{10}}') THEN {_STRIPPED} END""",
    f"""CREATE OR REPLACE MACRO nhs_number_checks(n) AS
    n % 1111111111 <> 0 AND (11 - ({_SUM}) % 11) % 11 = n % 10""",
    """CREATE OR REPLACE MACRO nhs_number_valid(x) AS
    coalesce(nhs_number_checks(CAST(nhs_number_clean(x) AS BIGINT)), false)""",
)
SQL_MACRO: str = ";\n".join(SQL_MACROS) + ";"
