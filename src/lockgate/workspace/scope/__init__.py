"""The scope of a project: issued by two approvals, signed, verified at every entrance, revoked at will."""

from lockgate.workspace.scope.model import Decision, Scope, canonical
from lockgate.workspace.scope.preview import preview
from lockgate.workspace.scope.store import (
    Revocation,
    is_synthetic,
    issue,
    load,
    project_folder,
    projects_of,
    revocations,
    revoke,
    scope_files,
    today,
    until_over,
    verify_file,
)

__all__ = [
    "Decision",
    "Revocation",
    "Scope",
    "canonical",
    "is_synthetic",
    "issue",
    "load",
    "preview",
    "project_folder",
    "projects_of",
    "revocations",
    "revoke",
    "scope_files",
    "today",
    "until_over",
    "verify_file",
]
