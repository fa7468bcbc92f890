"""HL7 v2: messages parsed and routed, and captured whole.

Parsed and routed: cut into segments and fields, message type and event told, every field that any staged table needs
taken out as a column (components, escapes, repetitions resolved), each segment under its patient, order and result.
The peers, on the same messages in the same run: the plainest parser Python has (``split`` at the separators, one
message after the other, nothing kept), and the libraries python-hl7 and hl7apy, in an environment of their own. That is
made for the run and needs a package index; without one that is said instead of a figure. A quick run leaves them out.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from lockgate.bench.core import Measure, environment
from lockgate.capture import capture_hl7v2, status
from lockgate.capture.hl7v2.columns import parse
from lockgate.site import Site

TARGET = 50_000
UNIT = "messages per CPU-second"
# Library, its release, how many of the messages it is given at most (it is slow), and its parser as Python text.
PEERS = (
    ("hl7", "0.4.5", 5_000, "import hl7; parse = hl7.parse; kind = lambda m: str(m.segment('MSH')[9][0][0])"),
    (
        "hl7apy",
        "1.3.5",
        200,
        "from hl7apy.parser import parse_message;"
        " parse = lambda text: parse_message(text, find_groups=False, force_validation=False);"
        " kind = lambda m: m.msh.msh_9.msh_9_1.value",
    ),
)
# What runs in the peers' environment: every message parsed, its type asked for.
_RUN = """
import json, sys, time
{parser}
texts = json.load(open(sys.argv[1]))
parse(texts[0])
started = time.process_time()
adt = sum(kind(parse(text)) == "ADT" for text in texts)
print(json.dumps([len(texts) / (time.process_time() - started), adt]))
"""


def measures(quick: bool) -> list[Measure]:
    """Six of ten messages ADT, two results of four values, one order, one allergy; about 700 characters each."""
    texts = [_message(number) for number in range(4_000 if quick else 60_000)]
    raw = pa.array(texts, pa.large_string())
    parse(raw.slice(0, 100))  # imports and the table of fields are not measured
    started = time.process_time()
    tables = parse(raw)
    parsed = time.process_time() - started
    started = time.process_time()
    seen, kinds = 0, 0
    for text in texts:
        segments = [segment.split("|") for segment in text.split("\r")]
        seen += len(segments)
        kinds += segments[0][8].startswith("ADT^")
    bare = time.process_time() - started
    found = sum(1 for kind in tables["MSH"].column("kind").to_pylist() if kind == "ADT")
    cut = sum(text.count("\r") + 1 for text in texts)
    read = sum(tables[name].num_rows for name in tables)
    correct = found == kinds and seen == cut == read
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as temporary:
        folder = Path(temporary)
        file = folder / "feed.hl7"
        file.write_text("\r".join(texts[: len(texts) // 3]), newline="")
        site = Site.init(folder / "site", name="Bench")
        started = time.process_time()
        result = capture_hl7v2(site, file, source="bench", actor="bench")
        whole = time.process_time() - started
        kept = result.received == result.staged == len(texts) // 3 and bool(status(site)["adds_up"])
        libraries = [] if quick else _libraries(texts, folder, len(texts) / parsed, correct)
    return [
        Measure(
            "HL7 v2 parsed and routed",
            len(texts) / parsed,
            UNIT,
            target=TARGET,
            peer="Python's split, nothing kept",
            peer_value=len(texts) / bare,
            correct=correct,
        ),
        *libraries,
        Measure(
            "HL7 v2 governed capture, to people, visits and results",
            result.received / whole,
            UNIT,
            correct=kept,
        ),
    ]


def _libraries(texts: list[str], folder: Path, ours: float, correct: bool) -> list[Measure]:
    """Our figure against each library's, which parses the first of the same messages."""
    measures = []
    python = environment(folder / "peers", [f"{name}=={release}" for name, release, *_ in PEERS])
    for name, release, most, parser in PEERS:
        label = f"{name} {release}"
        measure = f"HL7 v2 parsed and routed, beside {name}"
        if python is None:
            measures.append(Measure(measure, ours, UNIT, peer=f"{label}: not measured, no package index"))
            continue
        sample = texts[:most]
        given = folder / f"{name}.json"
        given.write_text(json.dumps(sample))
        done = subprocess.run(
            [str(python), "-c", _RUN.format(parser=parser), str(given)], capture_output=True, text=True
        )
        if done.returncode:
            measures.append(Measure(measure, ours, UNIT, peer=f"{label}: can't read these messages"))
            continue
        speed, adt = json.loads(done.stdout)
        same = adt == sum(text.split("|", 9)[8].startswith("ADT^") for text in sample)
        measures.append(Measure(measure, ours, UNIT, peer=label, peer_value=speed, correct=correct and same))
    return measures


def _message(number: int) -> str:
    """An invented message: ten people's worth of each tenth."""
    patient, visit = number // 10, number // 10
    minute = f"{number % 10:02d}"
    kind = ("A01", "A08", "A02", "A08", "R01", "A02", "R01", "O01", "A03", "A60")[number % 10]
    type_ = {"R": "ORU", "O": "ORM"}.get(kind[0], "ADT")
    doctor = "C123^BADGER^HONEY^^^DR"
    segments = [
        f"MSH|^~\\&|PAS|RXX|TIE|RXX|2024030109{minute}00||{type_}^{kind}|C{number}|P|2.4|||AL|NE",
        f"PID|1||{patient}^^^RXX^MR~9434765919^^^NHS^NH||DOE^JO{patient}^^^MS||19700101|F"
        "|||1 HIGH ST^^LEEDS^^LS1 1AA||0113 496 0000|||M|||||||A",
        f"PV1|1|I|W{number % 9}^B{number % 6}^{number % 5}^RXX|21||W7^B1^1^RXX|{doctor}|{doctor}||300"
        f"|||||||||V{visit}|||||||||||||||||||||||||20240301090000",
    ]
    if type_ == "ADT":
        segments.insert(1, f"EVN|{kind}|2024030109{minute}00||||2024030109{minute}00")
    else:
        segments.append(f"ORC|RE|{number}|L{number}|||||||||{doctor}")
        battery = "UE^Urea and electrolytes^LAB|||202403010800|||||||202403010815|BLD"
        segments.append(f"OBR|1|{number}|L{number}|{battery}|{doctor}||||||202403010900||CH|F")
    if kind == "R01":
        segments += [
            f"OBX|{n}|NM|T{n}^Test {n}^LAB||{'<' if number % 40 == 4 else ''}{number % 97}.{n}|mmol/L|1.0-{n}5.0|N|||F"
            for n in range(1, 5)
        ]
    return "\r".join(segments)
