"""Items that hold other items: found while they are read, and opened before anything is written down."""


class HoldsContainers(Exception):  # noqa: N818  (a signal between reader and intake, no error)
    """A portion holds containers (Bundles): unpack it and read what it then holds."""
