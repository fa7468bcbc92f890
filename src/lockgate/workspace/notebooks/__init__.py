"""JupyterLab on a project's data, in the sandbox of a job: no network, no host, a Unix socket as the only door."""

from lockgate.workspace.notebooks.session import Session, admit

__all__ = ["Session", "admit"]
