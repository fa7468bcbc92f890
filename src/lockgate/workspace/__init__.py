"""What an approved project gets: its scope, its data, its jobs and its published results.

``provision``, ``publish``, ``run_job`` and ``run_doctor`` are loaded when first used, so that the sandbox's
launcher, which starts with every job, does not wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockgate.workspace.doctor import run_doctor
    from lockgate.workspace.jobs import run_job
    from lockgate.workspace.provisioning import provision
    from lockgate.workspace.publishing import publish

_HOMES = {
    "provision": "provisioning",
    "publish": "publishing",
    "run_doctor": "doctor",
    "run_job": "jobs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["provision", "publish", "run_doctor", "run_job"]
