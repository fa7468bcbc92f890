"""Person keys that last: a person keeps theirs from run to run, and no key is ever used for somebody else.

The clusters are made anew each time; this module says which of them is whom. A cluster takes over a key that its
records held before. When one key's records now lie in several clusters, the one with most of them keeps it; when one
cluster holds several keys, the smallest that it may keep stays and the others are retired.
"""

from __future__ import annotations

from lockgate.engine import Engine


def assign_keys(engine: Engine, *, next_key: int) -> int:
    """Give every cluster of ``identity_cluster`` (source, record_id, cluster) a person key.

    Reads ``identity_previous`` (source, record_id, person_key) and makes ``identity_person`` (cluster, person_key).
    New clusters get ``next_key`` and up, in the order of their first record. Returns the next key never used.
    """
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_kept AS
        WITH held AS (
            SELECT c.cluster, p.person_key, count(*) AS records, min((c.source, c.record_id)) AS first_record
            FROM identity_cluster c JOIN identity_previous p USING (source, record_id)
            GROUP BY ALL),
        heir AS (
            SELECT cluster, person_key FROM held
            QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY records DESC, first_record) = 1)
        SELECT cluster, min(person_key) AS person_key FROM heir GROUP BY cluster""")
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_person AS
        WITH newcomer AS (
            SELECT cluster, min((source, record_id)) AS first_record
            FROM identity_cluster ANTI JOIN identity_kept USING (cluster) GROUP BY cluster)
        SELECT cluster, person_key FROM identity_kept
        UNION ALL
        SELECT cluster, {int(next_key)} - 1 + row_number() OVER (ORDER BY first_record) FROM newcomer""")
    highest = engine.one("SELECT coalesce(max(person_key), 0) FROM identity_person")
    return max(int(next_key), int(highest) + 1)
