"""Bundles of every type, opened: each entry becomes an item of its own, on the Bundle's line.

An entry with a resource becomes that resource. An entry of a history, a transaction or a bulk export's deletions that
says DELETE becomes a tombstone: ``{"tombstone": <the entry>, "resourceType", "id", "meta"}``. What is neither is held.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from lockgate.engine import Engine

DEPTH = 8  # a Bundle in a Bundle in a Bundle: further down it is held as it is
URN = re.compile(r'"urn:(uuid|oid):([^"]+)"')

# What a tombstone's raw text begins with.
MARK = '{"tombstone":'

_BUNDLES = """
    CREATE OR REPLACE TEMP TABLE bundle AS
    SELECT * FROM chunk WHERE fault IS NULL AND contains(raw, '"Bundle"')
    AND CASE WHEN json_valid(raw) THEN json_extract_string(raw, '$.resourceType') = 'Bundle' ELSE false END"""
NAMED = "([A-Z][A-Za-z]+)/([^/?]+)(/_history/[^/]+)?$"
_ENTRIES = f"""
    CREATE OR REPLACE TEMP TABLE entry AS
    SELECT *, kind IS NOT NULL AND id <> '' AND resource IS NULL AND method = 'DELETE' AS gone FROM (
        SELECT item_hash AS bundle_hash, file, line, CAST(e AS VARCHAR) AS entry, n,
            CASE WHEN json_type(e, '$.resource') = 'OBJECT' THEN CAST(json_extract(e, '$.resource') AS VARCHAR) END
                AS resource,
            json_extract_string(e, '$.fullUrl') AS url,
            json_extract_string(e, '$.request.method') AS method,
            regexp_extract(json_extract_string(e, '$.request.url'), '{NAMED}', 1) AS kind,
            regexp_extract(json_extract_string(e, '$.request.url'), '{NAMED}', 2) AS id,
            coalesce(json_extract_string(e, '$.response.lastModified'), stamp) AS deleted_at,
            nullif(regexp_extract(json_extract_string(e, '$.response.etag'), '^(W/)?"?([^"]*)"?$', 2), '') AS version
        FROM (
            SELECT item_hash, file, line, unnest(entries) AS e, generate_subscripts(entries, 1) AS n, stamp FROM (
                SELECT *, json_extract(raw, '$.entry[*]') AS entries,
                    coalesce(json_extract_string(raw, '$.timestamp'), json_extract_string(raw, '$.meta.lastUpdated'))
                    AS stamp
                FROM bundle)))"""
_OPENED = f"""
    SELECT * FROM chunk WHERE item_hash NOT IN (SELECT item_hash FROM bundle)
    UNION ALL
    SELECT left(sha256(resource), 32), file, line, resource, NULL, NULL FROM entry WHERE resource IS NOT NULL
    UNION ALL
    SELECT left(sha256(raw), 32), file, line, raw, NULL, NULL FROM (
        SELECT file, line, '{MARK}' || entry || ',"resourceType":' || to_json(kind) || ',"id":' || to_json(id)
            || ',"meta":' || json_object('lastUpdated', deleted_at, 'versionId', version) || '}}' AS raw
        FROM entry WHERE gone)
    UNION ALL
    SELECT left(sha256(entry), 32), file, line, entry, 'empty-bundle', 'entry[' || (n - 1) || '] '
        || CASE WHEN method = 'DELETE' THEN 'is a DELETE that names no one record' ELSE 'holds no resource' END
    FROM entry WHERE resource IS NULL AND NOT gone
    UNION ALL
    SELECT item_hash, file, line, raw, 'empty-bundle', 'no entry holds a resource' FROM bundle
    WHERE item_hash NOT IN (SELECT bundle_hash FROM entry)"""


def open_bundles(engine: Engine) -> bool:
    """Replace each Bundle of the registered table ``chunk`` by its entries; whether there were any."""
    any_opened = False
    for _ in range(DEPTH):
        if not engine.rows("SELECT 1 FROM chunk WHERE contains(raw, '\"Bundle\"') LIMIT 1"):
            break
        engine.execute(_BUNDLES)
        if not engine.one("SELECT count(*) FROM bundle"):
            break
        any_opened = True
        engine.execute(_ENTRIES)
        # A resource without an id takes the uuid of its entry's fullUrl, which is what other entries point to.
        engine.execute("""
            UPDATE entry SET resource = CAST(json_merge_patch(
                resource, json_object('id', regexp_replace(url, '^urn:(uuid|oid):', ''))) AS VARCHAR)
            WHERE resource IS NOT NULL AND url LIKE 'urn:%' AND json_extract_string(resource, '$.id') IS NULL""")
        _name_by_id(engine)
        opened = engine.arrow(_OPENED)
        engine.connection.unregister("chunk")
        engine.register("chunk", opened)
    return any_opened


def _name_by_id(engine: Engine) -> None:
    """Where an entry's fullUrl is another uuid than its resource's id, let the others point to the id.

    Inside a Bundle ``urn:uuid:x`` means the entry with that fullUrl; outside it means nothing.
    """
    renamed = engine.rows("""
        SELECT bundle_hash, url, array_to_string(json_extract_string(resource, ['$.resourceType', '$.id']), '/')
        FROM entry WHERE resource IS NOT NULL AND url LIKE 'urn:%'
        AND json_extract_string(resource, '$.id') <> regexp_replace(url, '^urn:(uuid|oid):', '')""")
    names: dict[str, dict[str, str]] = {}
    for bundle, url, name in renamed:
        names.setdefault(bundle, {})[url] = name
    if not names:
        return

    def pointed(bundle: str, resource: str) -> str:
        known = names.get(bundle, {})
        return URN.sub(lambda found: '"' + known.get(found[0][1:-1], found[0][1:-1]) + '"', resource)

    rows = engine.arrow("SELECT bundle_hash, n, resource FROM entry WHERE resource IS NOT NULL").to_pylist()
    table = pa.Table.from_pylist(
        [
            {"bundle_hash": row["bundle_hash"], "n": row["n"], "resource": new}
            for row in rows
            if (new := pointed(row["bundle_hash"], row["resource"])) != row["resource"]
        ],
        schema=pa.schema([("bundle_hash", pa.string()), ("n", pa.int64()), ("resource", pa.string())]),
    )
    engine.register("renamed", table)
    engine.execute(
        "UPDATE entry SET resource = renamed.resource FROM renamed"
        " WHERE entry.bundle_hash = renamed.bundle_hash AND entry.n = renamed.n"
    )
    engine.connection.unregister("renamed")
