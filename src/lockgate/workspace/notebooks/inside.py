"""Starts JupyterLab inside the sandbox. Run by the notebook environment's Python; standard library, then JupyterLab.

All that JupyterLab keeps for itself lies in /tmp, which is memory of this one session.
"""

# /tmp is the sandbox's own.
# ruff: noqa: S108, PTH103, PTH123

from __future__ import annotations

import json
import os
import sys

# No bulk way in or out, no terminal, nothing that asks the internet: the gateway refuses the same routes.
DISABLED = [
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/docmanager-extension:download",
    "@jupyterlab/extensionmanager-extension",
    "@jupyterlab/filebrowser-extension:download",
    "@jupyterlab/filebrowser-extension:share-file",
    "@jupyterlab/help-extension",
    "@jupyterlab/htmlviewer-extension",
    "@jupyterlab/notebook-extension:export",
    "@jupyterlab/pdf-extension",
    "@jupyterlab/terminal-extension",
]
SERVER_EXTENSIONS = {
    "jupyterlab": True,
    "jupyter_lsp": False,
    "jupyter_server_terminals": False,
    "notebook_shim": False,
}


def main() -> None:
    """Become the server."""
    socket, root = sys.argv[1:3]
    for name in ("config/labconfig", "checkpoints", "runtime", "share", "ipython", "workspaces", "settings"):
        os.makedirs(f"/tmp/jupyter/{name}", mode=0o700, exist_ok=True)
    with open("/tmp/jupyter/config/labconfig/page_config.json", "w") as stream:
        json.dump({"disabledExtensions": dict.fromkeys(DISABLED, True)}, stream)
    os.chdir(root)
    sys.argv = [
        "jupyter-lab",
        f"--ServerApp.sock={socket}",
        "--ServerApp.sock_mode=0600",
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.jpserver_extensions={SERVER_EXTENSIONS}",
        "--ServerApp.open_browser=False",
        "--ServerApp.terminals_enabled=False",
        "--ServerApp.quit_button=False",
        # Who may come is the gateway's to say, which alone reaches the socket.
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        "--ServerApp.allow_remote_access=True",
        "--ContentsManager.checkpoints_class=jupyter_server.services.contents.filecheckpoints.AsyncGenericFileCheckpoints",
        "--AsyncGenericFileCheckpoints.root_dir=/tmp/jupyter/checkpoints",
        "--FileContentsManager.delete_to_trash=False",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=",
        "--LabServerApp.workspaces_dir=/tmp/jupyter/workspaces",
        "--LabServerApp.user_settings_dir=/tmp/jupyter/settings",
    ]
    from jupyterlab.labapp import main as lab

    lab()


if __name__ == "__main__":
    main()
