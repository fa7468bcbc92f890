"""Routes as data: who must decide on a use, and which uses are agreed beforehand."""

from lockgate.workspace.routes.model import (
    ALWAYS,
    FastPath,
    Routes,
    in_use,
    read_routes,
    routes_of,
    standard,
    standard_text,
)
from lockgate.workspace.routes.rules import (
    Route,
    Use,
    amended,
    fitting,
    outside,
    route,
    use_of_answers,
    use_of_scope,
)

__all__ = [
    "ALWAYS",
    "FastPath",
    "Route",
    "Routes",
    "Use",
    "amended",
    "fitting",
    "in_use",
    "outside",
    "read_routes",
    "route",
    "routes_of",
    "standard",
    "standard_text",
    "use_of_answers",
    "use_of_scope",
]
