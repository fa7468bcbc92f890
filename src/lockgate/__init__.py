"""Lockgate: a trusted research environment in one package, from the patient record to the safe result."""

from typing import Any

__version__: str
__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    """The version, looked up when it is first asked for: reading what is installed takes a while."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        globals()[name] = version("lockgate")
    except PackageNotFoundError:  # a source tree that was never installed
        globals()[name] = "0.0.0"
    return globals()[name]
