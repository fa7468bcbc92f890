"""Person keys that last: a person keeps theirs from run to run, and no key is ever used for somebody else.

The clusters are made anew each time; this module says which of them is whom. A cluster takes over a key that its
records held before. When one key's records now lie in several clusters, the one with most of the records that had it
first keeps it; when one cluster holds several keys, the smallest that it may keep stays and the others are retired. A
retired key comes back with the records that held it, when what was merged is parted again.
"""

from __future__ import annotations

from lockgate.engine import Engine


def assign_keys(engine: Engine, *, next_key: int) -> int:
    """Give every cluster of ``identity_cluster`` (source, record_id, cluster) a person key.

    Reads ``identity_previous`` (source, record_id, person_key) and ``identity_former`` (the same with ``place``, for
    the keys each record held before that) and makes ``identity_person`` (cluster, person_key). New clusters get
    ``next_key`` and up, in the order of their first record. Returns the next key never used.
    """
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_kept AS
        WITH origin AS (
            SELECT source, record_id, arg_min(person_key, place) AS first_key FROM identity_former GROUP BY ALL),
        held AS (
            SELECT c.cluster, p.person_key, count(*) AS records, min((c.source, c.record_id)) AS first_record,
                count(*) FILTER (coalesce(o.first_key, p.person_key) = p.person_key) AS natives
            FROM identity_cluster c JOIN identity_previous p USING (source, record_id)
            LEFT JOIN origin o USING (source, record_id)
            GROUP BY c.cluster, p.person_key),
        heir AS (
            SELECT cluster, person_key FROM held
            QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY natives DESC, records DESC, first_record) = 1)
        SELECT cluster, min(person_key) AS person_key FROM heir GROUP BY cluster""")
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_back AS
        WITH held AS (
            SELECT c.cluster, f.person_key, count(*) AS records, min((c.source, c.record_id)) AS first_record
            FROM identity_cluster c ANTI JOIN identity_kept k ON k.cluster = c.cluster
            JOIN identity_former f USING (source, record_id)
            WHERE f.person_key NOT IN (SELECT person_key FROM identity_kept)
            GROUP BY c.cluster, f.person_key),
        heir AS (
            SELECT cluster, person_key FROM held
            QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY records DESC, first_record) = 1)
        SELECT cluster, min(person_key) AS person_key FROM heir GROUP BY cluster""")
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_person AS
        WITH known AS (FROM identity_kept UNION ALL FROM identity_back),
        newcomer AS (
            SELECT cluster, min((source, record_id)) AS first_record
            FROM identity_cluster ANTI JOIN known USING (cluster) GROUP BY cluster)
        SELECT cluster, person_key FROM known
        UNION ALL
        SELECT cluster, {int(next_key)} - 1 + row_number() OVER (ORDER BY first_record) FROM newcomer""")
    highest = engine.one("SELECT coalesce(max(person_key), 0) FROM identity_person")
    return max(int(next_key), int(highest) + 1)


# The keys that records held before, with those they lose now: written before the index that takes them away.
FORMER = """
    SELECT source, record_id, person_key, place FROM identity_former
    UNION ALL
    SELECT p.source, p.record_id, p.person_key,
        (SELECT count(*) FROM identity_former f WHERE f.source = p.source AND f.record_id = p.record_id)
    FROM identity_previous p
    ANTI JOIN identity_index i ON i.source = p.source AND i.record_id = p.record_id AND i.person_key = p.person_key
    ANTI JOIN identity_former f ON f.source = p.source AND f.record_id = p.record_id AND f.person_key = p.person_key"""
