-- Standard forms of what people write. Every macro gives NULL for what holds no information.
CREATE OR REPLACE MACRO link_filled(x) AS
    CASE WHEN lower(trim(x)) IN ('', 'null', 'none', 'nan', 'n/a', 'na', 'nk', 'unknown', 'not known', 'not stated',
                                 'not specified', '-', '.', '?', 'xxx', 'unk', 'missing')
         THEN NULL ELSE trim(x) END;
-- letters and single spaces: case, accents, apostrophes and dots go, other punctuation becomes a space
CREATE OR REPLACE MACRO link_words(x) AS
    nullif(trim(regexp_replace(regexp_replace(lower(strip_accents(
        replace(replace(replace(replace(link_filled(x), 'ß', 'ss'), 'ø', 'o'), 'æ', 'ae'), 'ł', 'l'))),
        '[''’`´.]', '', 'g'), '[^\p{L}0-9]+', ' ', 'g')), '');
CREATE OR REPLACE MACRO link_name(x) AS
    nullif(trim(regexp_replace(regexp_replace(coalesce(link_words(x), ''),
        '^((mr|mrs|miss|ms|dr|sir|dame|lord|lady|rev|prof|baby) )+', ''), '[0-9]+', '', 'g')), '');
-- a whole name, given names first: "Smith, John" turned round, and what follows a name (a title, esquire, junior) gone
CREATE OR REPLACE MACRO link_whole_name(x) AS
    nullif(trim(regexp_replace(link_name(
        CASE WHEN regexp_matches(x, '^ *[^ ,]+ *,[^,0-9]+$') THEN split_part(x, ',', 2) || ' ' || split_part(x, ',', 1)
             ELSE regexp_replace(x, ',?( the)? [0-9]+(st|nd|rd|th) .*$', '') END),
        '( (jr|sr|jnr|snr|junior|senior|esq|esquire|phd|md|ii|iii|iv))+$', '')), '');
-- the words between the first and the last
CREATE OR REPLACE MACRO link_between(x) AS
    nullif(array_to_string(string_split(x, ' ')[2:-2], ' '), '');
CREATE OR REPLACE MACRO link_token(x, place) AS nullif(string_split(x, ' ')[place], '');
-- the words of a whole name but the given and the family name, and but titles and what ties names together
CREATE OR REPLACE MACRO link_others(whole, given, family) AS
    nullif(array_to_string(list_filter(string_split(whole, ' '), lambda w:
        w <> '' AND w <> coalesce(given, '') AND NOT contains(' ' || coalesce(family, '') || ' ', ' ' || w || ' ')
        AND w NOT IN ('of', 'the', 'de', 'la', 'le', 'du', 'van', 'von', 'der', 'and', 'st', 'nd', 'rd', 'th', 'sir', 'lady',
                      'baron', 'baroness', 'baronet', 'bt', 'earl', 'viscount', 'duke', 'marquess', 'count', 'countess',
                      'duchess', 'lord', 'dame', 'rev', 'jr', 'sr', 'esq')), ' '), '');
-- a whole number that some program wrote as a fraction
CREATE OR REPLACE MACRO link_whole(x) AS regexp_replace(x, '^([0-9]+)\.0+$', '\1');
CREATE OR REPLACE MACRO link_digits(x) AS nullif(regexp_replace(link_filled(link_whole(x)), '[^0-9]', '', 'g'), '');
CREATE OR REPLACE MACRO link_code(x) AS nullif(upper(regexp_replace(link_filled(link_whole(x)), '[^A-Za-z0-9]', '', 'g')), '');
CREATE OR REPLACE MACRO link_outward(x) AS
    CASE WHEN regexp_full_match(x, '[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}') THEN left(x, length(x) - 3)
         WHEN length(x) > 3 AND regexp_full_match(x, '[0-9]+') THEN left(x, 3)
         WHEN length(x) BETWEEN 2 AND 4 THEN x ELSE left(x, 3) END;
CREATE OR REPLACE MACRO link_area(x) AS
    CASE WHEN regexp_matches(x, '^[A-Z]') THEN regexp_extract(x, '^[A-Z]{1,2}') ELSE left(x, 2) END;
CREATE OR REPLACE MACRO link_sex(x) AS
    CASE WHEN lower(link_filled(x)) IN ('m', 'male', 'man', '1', 'boy') THEN 'M'
         WHEN lower(link_filled(x)) IN ('f', 'female', 'woman', '2', 'girl') THEN 'F'
         WHEN lower(link_filled(x)) IN ('u', 'x', 'i', '0', '9', 'indeterminate', 'other', 'o') THEN NULL
         ELSE upper(link_filled(x)) END;
CREATE OR REPLACE MACRO link_phone(x) AS
    CASE WHEN length(link_digits(x)) < 6 THEN NULL
         WHEN length(link_digits(x)) > 9 THEN right(link_digits(x), 9) ELSE link_digits(x) END;
CREATE OR REPLACE MACRO link_email(x) AS
    CASE WHEN lower(link_filled(x)) LIKE '%_@_%' THEN replace(lower(link_filled(x)), ' ', '') END;
-- a number that is one digit again and again, or a run, is a placeholder
CREATE OR REPLACE MACRO link_number(x) AS
    CASE WHEN length(link_code(x)) < 3 OR regexp_full_match(link_code(x), '0+|1+|2+|3+|4+|5+|6+|7+|8+|9+|X+') THEN NULL
         ELSE coalesce(nullif(ltrim(link_code(x), '0'), ''), link_code(x)) END;
CREATE OR REPLACE MACRO link_nhs(x) AS
    CASE WHEN nhs_number_valid(link_whole(x)) THEN nhs_number_clean(link_whole(x)) END;
-- after Soundex (Russell 1918): the first letter, then classes of consonants without repeats or vowels; four signs
CREATE OR REPLACE MACRO link_classes(x) AS
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        translate(replace(x, ' ', ''), 'bfpvcgjkqsxzdtlmnraeiouyhw', '11112222222233455600000000'),
        '1+', '1', 'g'), '2+', '2', 'g'), '3+', '3', 'g'), '4+', '4', 'g'), '5+', '5', 'g'), '6+', '6', 'g');
CREATE OR REPLACE MACRO link_sound(x) AS
    left(replace(replace(left(x, 1), 'c', 'k'), 'y', 'i') || replace(substr(link_classes(x), 2), '0', ''), 4);
