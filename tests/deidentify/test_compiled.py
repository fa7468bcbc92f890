"""The compiled engine: used only where it was made of these very sources, and only where it finds what they find."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lockgate
from lockgate.deidentify import compiled
from lockgate.errors import UsageError

_WHERE = "from lockgate.deidentify.text import engine, fold; print(fold.__file__, engine.__file__)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources of two modules, of which nothing is compiled."""
    for name in ("engine", "fold", "lists"):
        (tmp_path / f"{name}.py").write_text("'''Nothing.'''\n")
    monkeypatch.setattr(compiled, "_SOURCES", tmp_path)
    monkeypatch.setattr(compiled, "_FOLDER", tmp_path / "compiled")
    monkeypatch.setattr(compiled, "_PRINT", tmp_path / "compiled" / "sources.sha256")
    return tmp_path


def _made(folder: Path) -> list[Path]:
    out = folder / "out"
    out.mkdir()
    library = out / "fold.so"
    library.write_bytes(b"\x7fELF")
    return [library]


def test_what_is_compiled_is_fresh_until_a_source_changes(folder: Path) -> None:
    assert not compiled.is_fresh()
    compiled._put(_made(folder), compiled._print())
    assert compiled.is_fresh()
    (folder / "lists.py").write_text("'''Something.'''\n")
    assert not compiled.is_fresh()
    path: list[str] = ["sources"]
    compiled.prefer(path)
    assert path == ["sources"]


def test_what_was_made_on_another_kind_of_machine_is_left(folder: Path) -> None:
    (library,) = _made(folder)
    compiled._put([library.rename(folder / "out" / f"{compiled._GROUP}__mypyc.so")], compiled._print())
    path: list[str] = ["sources"]
    compiled.prefer(path)
    assert path == ["sources"]
    assert not compiled.is_used()


def test_what_finds_other_spans_does_not_stay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled._put(_made(folder), compiled._print())
    says = [sys.executable, "-c", "import os; print(os.environ['LOCKGATE_COMPILED'])"]
    with pytest.raises(UsageError, match="other spans"):
        compiled._compare(says)
    fails = [sys.executable, "-c", "import os; assert os.environ['LOCKGATE_COMPILED'] == 'no', 'odd'"]
    with pytest.raises(UsageError, match="compiled rules failed"):
        compiled._compare(fails)
    compiled._compare([sys.executable, "-c", "print('the same')"])
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="C compiler"):
        compiled.compile_engine(says)
    assert compiled.remove()
    assert not compiled.remove()


@pytest.mark.slow
def test_compiled_modules_stand_before_their_sources_and_find_the_same(
    tmp_path: Path, require: Callable[[bool, str], None]
) -> None:
    require(shutil.which("gcc") is not None, "a C compiler")
    package = tmp_path / "lockgate"
    shutil.copytree(
        Path(lockgate.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("assets", "compiled", "__pycache__"),
    )
    shutil.copy2(Path(compiled.__file__), package / "deidentify" / "compiled.py")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def python(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # a few modules of the many, for all take minutes
    few = ("fold", "spans", "digits", "tokens", "ages")
    python(
        "import sys; from lockgate.deidentify import compiled\n"
        f"compiled._files = lambda: [compiled._SOURCES / f'{{name}}.py' for name in {few}]\n"
        "says = [sys.executable, '-c', 'from lockgate.cli import main; main()', 'scrub-engine', 'digest', '--json', "
        "'--letters', 'first']\n"
        "assert compiled.compile_engine(says) == 5"
    )
    fold, engine = python(_WHERE).split()
    assert fold.startswith(str(package / "deidentify" / "text" / "compiled")), fold
    assert engine == str(package / "deidentify" / "text" / "engine.py")
    environment["LOCKGATE_COMPILED"] = "no"
    assert python(_WHERE).split()[0].endswith("fold.py")
    environment["LOCKGATE_COMPILED"] = "yes"
    shown = "from lockgate.cli import run; run(['scrub-engine', 'show', '--json'])"
    assert json.loads(python(shown)) == {"compiled": True}
    (package / "deidentify" / "text" / "ages.py").open("a").write("\n")
    assert python(_WHERE).split()[0].endswith("fold.py")
    assert json.loads(python(shown)) == {"compiled": False}


def test_only_what_is_given_a_value_once_is_declared_final() -> None:
    source = """from __future__ import annotations
import re
There = dict[int, str]
S = TypeVar("S")
ONE = re.compile(r"x")
SETS: dict[str, tuple[
    str, int]] = {"é": ("a", 1)}
BOTH = ONE | TWO
later = 1
def set_later():
    global later
    later = 2
TWICE = 1
TWICE += 1
FIRST, SECOND = 1, 2
empty: int
"""
    made = compiled._final(source)
    assert re.findall(r"(\w+): _Final", made) == ["ONE", "SETS", "BOTH"]
    assert 'SETS: _Final[dict[str, tuple[\n    str, int]]] = {"é": ("a", 1)}' in made
    assert ast.dump(ast.parse(made.replace(": _Final =", " ="))).count("_Final") == 2  # the import, and SETS


def test_declaring_constants_final_changes_nothing_else() -> None:
    for path in compiled._files():
        source = path.read_text(encoding="utf-8")
        plain = compiled._final(source).replace("from typing import Final as _Final\n", "", 1)
        assert ast.dump(_undeclared(ast.parse(plain))) == ast.dump(_undeclared(ast.parse(source))), path.name


def _undeclared(tree: ast.Module) -> ast.Module:
    """The tree with every declaration at the top level that has a value as an assignment."""
    tree.body = [
        ast.Assign([node.target], node.value, lineno=0)
        if isinstance(node, ast.AnnAssign) and node.value
        else node
        for node in tree.body
    ]
    return tree


def test_learning_says_what_is_wrong_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lockgate.cli import run

    assert run(["scrub-engine", "learn", "--out", str(tmp_path / "none" / "w.json")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert run(["scrub-engine", "learn", "--out", str(tmp_path / "w.json"), "--without", "nosuch"]) == 2
    assert "choose of first" in capsys.readouterr().err
