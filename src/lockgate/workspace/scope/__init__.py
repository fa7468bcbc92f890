"""The scope of a project: issued by two approvals, signed, verified at every entrance, revoked at will."""

from lockgate.workspace.scope.model import Decision, Scope, canonical
from lockgate.workspace.scope.preview import preview
from lockgate.workspace.scope.store import (
    Revocation,
    issue,
    load,
    project_folder,
    projects_of,
    revocations,
    revoke,
    scope_files,
    today,
    verify_file,
)

__all__ = [
    "Decision",
    "Revocation",
    "Scope",
    "canonical",
    "issue",
    "load",
    "preview",
    "project_folder",
    "projects_of",
    "revocations",
    "revoke",
    "scope_files",
    "today",
    "verify_file",
]
