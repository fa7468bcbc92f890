"""Notebooks: asking for one, entering it, stopping it; and the gateway that stands before JupyterLab's socket."""
