-- Words that every SELECT of capture may use (besides nhs_number_clean/valid and vocabulary/preference, which
-- are made from the one table of the package).

-- A FHIR date, dateTime or instant as the wall clock the source wrote; a year or a month stands for its first
-- day. NULL where it is no date of the calendar.
CREATE OR REPLACE MACRO without_offset(x) AS CASE
    WHEN length(x) <= 10 THEN x
    WHEN right(x, 1) = 'Z' THEN left(x, length(x) - 1)
    WHEN substr(x, length(x) - 5, 1) IN ('+', '-') THEN left(x, length(x) - 6)
    ELSE x END;
CREATE OR REPLACE MACRO ts(x) AS try_cast(
    CASE length(x) WHEN 4 THEN x || '-01-01' WHEN 7 THEN x || '-01' ELSE without_offset(x) END AS TIMESTAMP);
CREATE OR REPLACE MACRO day(x) AS CAST(ts(x) AS DATE);
CREATE OR REPLACE MACRO tz_offset(x) AS CASE
    WHEN x IS NULL OR length(x) <= 10 THEN NULL
    WHEN right(x, 1) = 'Z' THEN 'Z'
    WHEN substr(x, length(x) - 5, 1) IN ('+', '-') THEN right(x, 6) END;
CREATE OR REPLACE MACRO bad_date(x) AS
    coalesce(x IS NOT NULL AND coalesce(ts(x) < TIMESTAMP '1880-01-01', true), false);

-- Whether one time is before another. Compared as far as both say: days where one is a day; instants where both
-- carry an offset (an hour before the clocks go back is before the hour after), else wall clocks.
CREATE OR REPLACE MACRO before(a, b) AS CASE
    WHEN length(a) <= 10 OR length(b) <= 10 THEN left(a, least(length(a), length(b))) < left(b, least(length(a), length(b)))
    WHEN tz_offset(a) IS NOT NULL AND tz_offset(b) IS NOT NULL THEN try_cast(a AS TIMESTAMPTZ) < try_cast(b AS TIMESTAMPTZ)
    ELSE ts(a) < ts(b) END;

CREATE OR REPLACE MACRO num(x) AS try_cast(CAST(x AS VARCHAR) AS DOUBLE);
CREATE OR REPLACE MACRO bool(x) AS try_cast(CAST(x AS VARCHAR) AS BOOLEAN);

-- Whether a wall clock without an offset is one time of its zone: 'ambiguous' where it comes twice (clocks put back),
-- 'nonexistent' where it never comes (clocks put forward), else NULL. The zone's offsets a day before and a day after
-- give the two instants it may mean; it is what those instants show on the zone's clocks that decides.
CREATE OR REPLACE MACRO wall_clock(utc, zone) AS timezone(zone, timezone('UTC', utc));
CREATE OR REPLACE MACRO offset_at(utc, zone) AS wall_clock(utc, zone) - utc;
CREATE OR REPLACE MACRO time_flag(x, zone) AS CASE
    WHEN x IS NULL OR offset_at(x - INTERVAL 1 DAY, zone) = offset_at(x + INTERVAL 1 DAY, zone) THEN NULL
    WHEN wall_clock(x - offset_at(x - INTERVAL 1 DAY, zone), zone) = x THEN
        CASE WHEN wall_clock(x - offset_at(x + INTERVAL 1 DAY, zone), zone) = x THEN 'ambiguous' END
    WHEN wall_clock(x - offset_at(x + INTERVAL 1 DAY, zone), zone) = x THEN NULL
    ELSE 'nonexistent' END;

-- A day and a time of day as one time; without the time of day, the day.
CREATE OR REPLACE MACRO day_time(d, clock) AS
    CASE WHEN clock IS NULL THEN CAST(d AS TIMESTAMP) ELSE CAST(d AS DATE) + clock END;

-- A measured value as laboratories write it ("<7", ">= 120", "5.4"): its number and its operator; NULL where it is no number.
CREATE OR REPLACE MACRO value_number(x) AS try_cast(trim(ltrim(x, '<>= ')) AS DOUBLE);
CREATE OR REPLACE MACRO value_operator(x) AS
    CASE WHEN value_number(x) IS NOT NULL THEN nullif(regexp_extract(x, '^\s*(<=|>=|<|>)', 1), '') END;

-- A hospital stay in Hospital Episode Statistics: the spell that SUS made, else the person, provider and day of admission
-- (the episodes of a stay share them).
CREATE OR REPLACE MACRO hes_spell(spell, person, provider, admitted) AS 'spell|' || coalesce(
    CASE WHEN spell NOT IN ('-1', 'Null') THEN spell END,
    person || '|' || coalesce(provider, '') || '|' || strftime(admitted, '%Y-%m-%d'));

-- The year of birth of somebody of an age on a day, in whole years: the likelier of two. Ages as Hospital Episode
-- Statistics send them: 7001 to 7007 are parts of the first year.
CREATE OR REPLACE MACRO birth_year_about(d, age) AS CASE
    WHEN try_cast(age AS INTEGER) BETWEEN 7001 AND 7007 THEN year(d)
    WHEN try_cast(age AS INTEGER) BETWEEN 0 AND 120
        THEN year(CAST(d AS DATE) - to_months(12 * CAST(try_cast(age AS INTEGER) AS INTEGER) + 6)) END;
