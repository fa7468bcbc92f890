"""``python -m lockgate.portal.assets build [--force]``, or ``has-node`` (exit 0 when npm can be run)."""

from __future__ import annotations

import sys

from lockgate.errors import LockgateError
from lockgate.portal.assets.build import build, has_npm, is_built


def main(arguments: list[str]) -> int:
    """Build; 0 done, 1 failed, 2 wrong use."""
    if arguments == ["has-node"]:
        return 0 if is_built() or has_npm() else 1
    if arguments not in (["build"], ["build", "--force"]):
        sys.stderr.write("usage: python -m lockgate.portal.assets build [--force] | has-node\n")
        return 2
    try:
        build(force="--force" in arguments)
    except LockgateError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
