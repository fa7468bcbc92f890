"""The sections of ``site.toml``: one class each, with every setting, its default and its limits."""
