"""YAML as plain trees of text, so that a code is never taken for a number, a day or a yes."""

from __future__ import annotations

from typing import Any

import yaml

from lockgate.errors import UsageError

_MOST = 200_000  # values in one definition: a file that says itself over and over is no definition


def load_tree(text: bytes | str, where: str) -> Any:
    """A YAML document as mappings, lists and text as written; an empty value is None.

    Raises UsageError for what isn't YAML, a key said twice, and a document of more than 200,000 values.
    """
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}: line {mark.line + 1}" if mark else where
        raise UsageError(
            f"it is not YAML: {getattr(error, 'problem', None) or 'it is not text'}",
            where=place,
            remedy="mend its syntax",
        ) from error
    return _Tree(where).value(node, ()) if node is not None else None


class _Tree:
    def __init__(self, where: str) -> None:
        self._where, self._left = where, _MOST

    def _refuse(self, node: yaml.Node, reason: str) -> UsageError:
        return UsageError(
            reason, where=f"{self._where}: line {node.start_mark.line + 1}", remedy="mend it there"
        )

    def value(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> Any:
        self._left -= 1
        if self._left < 0 or len(above) > 100 or node in above:
            raise self._refuse(node, "it says more than a definition can")
        if isinstance(node, yaml.ScalarNode):
            plain = node.style is None
            return None if plain and node.value in ("", "~", "null") else node.value
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*above, node)) for item in node.value]
        told: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._refuse(key, "a word is expected here")
            if key.value in told:
                raise self._refuse(key, f"{key.value} is said twice")
            told[key.value] = self.value(item, (*above, node))
        return told
