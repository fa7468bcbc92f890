"""A job as a graph of steps: ``project.yaml`` in the style of OpenSAFELY, read strictly.

    actions:
      cohort:
        run: python analysis/cohort.py --year 2023
        outputs:
          highly_sensitive: {rows: cohort.parquet}
      counts:
        run: sql analysis/counts.sql
        needs: [cohort]
        outputs:
          moderately_sensitive: {table: by_year.csv}

Each action becomes a step in a sandbox of its own. What isn't understood is refused with its line.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import yaml

from lockgate.errors import UsageError

FILE = "project.yaml"
MAIN = "main"
RECORD = "outputs.json"
LANGUAGES = {"python": (".py",), "sql": (".sql",), "r": (".R", ".r")}
SENSITIVITIES = ("highly_sensitive", "moderately_sensitive")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_PATTERN = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9_.*-]{0,99}(?:/[A-Za-z0-9_*][A-Za-z0-9_.*-]{0,99}){0,4}")
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9_-]{0,39}(?:@[0-9a-f]{8,64})?")
_MOST_BYTES, _MOST_STEPS, _MOST_WORDS = 65_536, 200, 100


@dataclass(frozen=True, slots=True)
class Step:
    """One action. ``outputs``: pattern below /outputs -> its sensitivity; empty: whatever is written may leave.

    ``code``: patterns of the files it sees; None: all but the scripts of other steps.
    """

    name: str
    language: str
    script: str
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    code: tuple[str, ...] | None = None
    environment: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)

    def sensitivity(self, path: str) -> str:
        """How sensitive a file that the step wrote is; empty when it isn't declared."""
        found = [level for pattern, level in self.outputs.items() if matches(path, pattern)]
        return min(found, default="")  # highly before moderately: the stricter counts


@dataclass(frozen=True, slots=True)
class Graph:
    """The steps of a job, each after those it needs. ``single``: one program and no ``project.yaml``."""

    steps: tuple[Step, ...]
    single: bool = False

    def within(self, environment: str) -> Graph:
        """The same, its steps in Python that name no environment in this one."""
        steps = (
            replace(step, environment=environment)
            if step.language == "python" and not step.environment
            else step
            for step in self.steps
        )
        return Graph(tuple(steps), self.single)

    def view(self, step: Step, files: Collection[str]) -> list[str]:
        """The files of the code that a step sees, sorted."""
        if self.single:
            return sorted(files)
        if step.code is not None:
            wanted = [path for path in files if any(matches(path, pattern) for pattern in step.code)]
            return sorted({*wanted, step.script})
        others = {other.script for other in self.steps} - {step.script}
        return sorted(path for path in files if path not in others and path != FILE)


def matches(path: str, pattern: str) -> bool:
    """Whether a path is what a pattern says: ``*`` within one name; a folder's name stands for all below it."""
    parts, wanted = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    return len(parts) >= len(wanted) and all(
        fnmatch.fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=False)
    )


def language_of(script: str) -> str:
    """The language of a script by its ending; empty when it is none of ours."""
    suffix = PurePosixPath(script).suffix
    return next((name for name, endings in LANGUAGES.items() if suffix in endings), "")


def single(script: str) -> Graph:
    """A job of one program, all of whose outputs may be asked to leave."""
    return Graph((Step(MAIN, language_of(script), script),), single=True)


def read_graph(text: bytes, files: Collection[str]) -> Graph:
    """The graph that ``project.yaml`` says; ``files`` are the code's, by their path inside it.

    Raises UsageError with the line: what isn't YAML, unknown words, missing scripts, unknown needs, circles, an
    output that two steps write.
    """
    return _Reader(files).graph(text)


def _wrong(node: yaml.Node | None, message: str, remedy: str = "docs/how-to/jobs.md shows one") -> UsageError:
    line = f": line {node.start_mark.line + 1}" if node is not None else ""
    return UsageError(message, where=f"{FILE}{line}", remedy=remedy)


def _shown(text: str) -> str:
    return ascii(text[:60])


class _Reader:
    def __init__(self, files: Collection[str]) -> None:
        self.files = files
        self.lines: dict[str, yaml.Node] = {}
        self.written: dict[str, tuple[str, int]] = {}  # pattern -> step and line

    def graph(self, text: bytes) -> Graph:
        if len(text) > _MOST_BYTES:
            raise _wrong(None, f"it is larger than {_MOST_BYTES >> 10} kB")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for token in yaml.scan(text, Loader=loader):
                if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
                    line = token.start_mark.line + 1
                    raise UsageError(
                        "anchors and aliases are not read", where=f"{FILE}: line {line}", remedy="say it out"
                    )
            node = yaml.compose(text, Loader=loader)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            raise UsageError(
                f"it is not YAML: {getattr(error, 'problem', None) or 'it can not be read'}",
                where=f"{FILE}: line {mark.line + 1}" if mark else FILE,
                remedy="mend its syntax",
            ) from error
        top = self._mapping(node, "the file", ("version", "environment", "actions"))
        default = self._environment(top["environment"]) if "environment" in top else ""
        if "actions" not in top:
            raise _wrong(node, "it has no actions")
        actions = self._mapping(top["actions"], "actions")
        if not actions or len(actions) > _MOST_STEPS:
            raise _wrong(top["actions"], f"a job has 1 to {_MOST_STEPS} actions")
        steps = [self._step(name, action, default) for name, action in actions.items()]
        return Graph(self._ordered(steps))

    def _mapping(
        self, node: yaml.Node | None, what: str, known: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise _wrong(node, f"{what} must be a mapping of words to values")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _wrong(key, "a word is expected here")
            if key.value in found:
                raise _wrong(key, f"{_shown(key.value)} is said twice")
            if known and key.value not in known:
                raise _wrong(key, f"{what} has no {_shown(key.value)}", f"it may have {', '.join(known)}")
            found[key.value] = value
        return found

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise _wrong(node, f"{what} must be a text")
        return str(node.value)

    def _texts(self, node: yaml.Node, what: str) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.SequenceNode):
            raise _wrong(node, f"{what} must be a list", f"{what}: [one, another]")
        return [(self._text(item, what), item) for item in node.value]

    def _environment(self, node: yaml.Node) -> str:
        name = self._text(node, "environment")
        if not _ENVIRONMENT.fullmatch(name):
            raise _wrong(node, f"{_shown(name)} is no environment", "NAME, or NAME@HASH to pin one build")
        return name

    def _step(self, name: str, node: yaml.Node, default: str) -> Step:
        known = ("run", "needs", "outputs", "environment", "code", "limits")
        if not _NAME.fullmatch(name):
            raise _wrong(
                node,
                f"{_shown(name)} is no name for an action",
                "small letters, digits and _, a letter first",
            )
        action = self._mapping(node, f"action {name}", known)
        self.lines[name] = node
        for word in ("run", "outputs"):
            if word not in action:
                raise _wrong(node, f"action {name} has no {word}")
        language, script, arguments = self._run(name, action["run"])
        needs = self._texts(action["needs"], "needs") if "needs" in action else []
        twice = [need for i, (need, _) in enumerate(needs) if need in [other for other, _ in needs[:i]]]
        if twice:
            raise _wrong(action["needs"], f"action {name} needs {_shown(twice[0])} twice")
        for need, where in needs:
            self.lines[f"{name} needs {need}"] = where
        environment = self._environment(action["environment"]) if "environment" in action else default
        if "environment" in action and language != "python":
            raise _wrong(action["environment"], "only steps in Python run in an environment of their own")
        return Step(
            name,
            language,
            script,
            arguments,
            tuple(need for need, _ in needs),
            self._outputs(name, action["outputs"]),
            self._code(action["code"]) if "code" in action else None,
            environment if language == "python" else "",
            self._limits(action["limits"]) if "limits" in action else {},
        )

    def _run(self, name: str, node: yaml.Node) -> tuple[str, str, tuple[str, ...]]:
        text = self._text(node, "run")
        remedy = "run: python FILE.py [WORDS], sql FILE.sql or r FILE.R [WORDS]"
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise _wrong(node, f"run of {name}: a quotation mark is left open", remedy) from error
        language = words[0].lower() if words else ""
        if language not in LANGUAGES:
            raise _wrong(node, f"run of {name} begins with {_shown(words[0])}", remedy)
        script = words[1] if len(words) > 1 else ""
        if language_of(script) != language:
            raise _wrong(
                node, f"run of {name}: after {language} comes a {LANGUAGES[language][0]} file", remedy
            )
        if script not in self.files:
            raise _wrong(node, f"the code has no file {_shown(script)}", "paths begin at the top of the code")
        if language == "sql" and words[2:]:
            raise _wrong(node, f"run of {name}: an SQL file takes no further words", remedy)
        if len(words) > _MOST_WORDS or any("\0" in word for word in words):
            raise _wrong(node, f"run of {name} is too long, or holds a zero byte", remedy)
        return language, script, tuple(words[2:])

    def _outputs(self, name: str, node: yaml.Node) -> dict[str, str]:
        told = self._mapping(node, f"outputs of {name}", SENSITIVITIES)
        outputs: dict[str, str] = {}
        for level, group in told.items():
            for label, item in self._mapping(group, level).items():
                pattern = self._text(item, label)
                if not _PATTERN.fullmatch(pattern) or pattern == RECORD:
                    raise _wrong(
                        item, f"{_shown(pattern)} is no path below /outputs", "such as tables/one.csv"
                    )
                if level == "moderately_sensitive" and "/" in pattern:
                    raise _wrong(
                        item,
                        f"{_shown(pattern)}: what may leave stands at the top of /outputs",
                        "write it without a folder",
                    )
                for other, (step, line) in self.written.items():
                    if matches(pattern, other) or matches(other, pattern):
                        raise _wrong(
                            item,
                            f"{_shown(pattern)} is an output of {step} (line {line}) already",
                            "each output has one name and one step",
                        )
                self.written[pattern] = (name, item.start_mark.line + 1)
                outputs[pattern] = level
        if not outputs:
            raise _wrong(node, f"action {name} has no outputs")
        return outputs

    def _code(self, node: yaml.Node) -> tuple[str, ...]:
        patterns = []
        for pattern, item in self._texts(node, "code"):
            if not any(matches(path, pattern) for path in self.files):
                raise _wrong(item, f"no file of the code is {_shown(pattern)}")
            patterns.append(pattern)
        return tuple(patterns)

    def _limits(self, node: yaml.Node) -> dict[str, int]:
        limits = {}
        for name, item in self._mapping(node, "limits").items():
            text = self._text(item, name)
            if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
                raise _wrong(item, f"the limit {_shown(name)} must be a whole number of 1 or more")
            limits[name] = int(text)
        return limits

    def _ordered(self, steps: list[Step]) -> tuple[Step, ...]:
        """Each step after those it needs, else as they stand."""
        names = {step.name for step in steps}
        for step in steps:
            for need in step.needs:
                if need not in names:
                    raise _wrong(
                        self.lines[f"{step.name} needs {need}"],
                        f"action {step.name} needs {_shown(need)}, which is no action",
                        f"there are {', '.join(sorted(names))}",
                    )
        ordered: dict[str, Step] = {}
        waiting = list(steps)
        while waiting:
            free = next((step for step in waiting if set(step.needs) <= ordered.keys()), None)
            if free is None:
                circle = _circle(waiting)
                raise _wrong(
                    self.lines[circle[0]], f"actions need each other in a circle: {' needs '.join(circle)}"
                )
            ordered[free.name] = free
            waiting.remove(free)
        return tuple(ordered.values())


def _circle(steps: list[Step]) -> list[str]:
    """One circle among steps none of which is free, its first name again at the end."""
    by_name: dict[str, Any] = {step.name: step for step in steps}
    walked = [steps[0].name]
    while True:
        step = next(need for need in by_name[walked[-1]].needs if need in by_name)
        if step in walked:
            return [*walked[walked.index(step) :], step]
        walked.append(step)
