"""Who is who: the patient index, opt-outs, and the keyed pseudonyms that hide it again."""

from lockgate.identity.index import IndexResult, build_index, index_path, index_view
from lockgate.identity.merges import history as merge_history
from lockgate.identity.objections import (
    PURPOSES,
    consented,
    covered,
    objections_in_force,
    opted_out,
    unmatched_objections,
)
from lockgate.identity.pseudonym import (
    pseudonymise,
    pseudonymise_ints,
    pseudonymise_strings,
    rekey,
    rekey_table,
)

__all__ = [
    "PURPOSES",
    "IndexResult",
    "build_index",
    "consented",
    "covered",
    "index_path",
    "index_view",
    "merge_history",
    "objections_in_force",
    "opted_out",
    "pseudonymise",
    "pseudonymise_ints",
    "pseudonymise_strings",
    "rekey",
    "rekey_table",
    "unmatched_objections",
]
