"""The status of results: each of HL7 table 0085 has its meaning, in either order of arrival."""

from __future__ import annotations

from pathlib import Path

from lockgate.capture import capture_hl7v2, latest_view, status
from lockgate.capture.hl7v2.reader import statuses
from lockgate.engine import Engine
from lockgate.site import Site

# After a preliminary 1 of the same time comes a 2 under this status (or an empty value): what stands of the two.
STANDS = {
    "P": ("preliminary", 2.0), "R": ("preliminary", 2.0), "S": ("partial", 2.0), "I": ("preliminary", 1.0),
    "O": ("preliminary", 1.0), "F": ("final", 2.0), "V": ("final", 2.0), "U": ("final", 2.0), "C": ("corrected", 2.0),
    "A": ("corrected", 2.0), "N": None, "X": None, "D": None, "W": None, "?": ("preliminary", 1.0),
}  # fmt: skip
EMPTY = {"I": ("preliminary", 1.0), "O": ("preliminary", 1.0), "U": ("preliminary", 1.0)} | dict.fromkeys(
    "NXDW"
)


def _message(number: int, code: str, value: str, second: int) -> str:
    return "\r".join(
        [
            f"MSH|^~\\&|LAB|RXX|||2024030112000{second}||ORU^R01|{number}{code}{second}|P|2.5.1",
            f"PID|1||{number}^^^RXX^MR||DOE^JO",
            f"OBR|1||L{number}|UE^U&E|||202403010930|||||||||||||||202403011100||CH|F",
            f"OBX|1|NM|NA^Sodium||{value}|mmol/L|||||{code}",
        ]
    )


def _standing(site: Site) -> dict[int, tuple[str, float | None]]:
    with Engine() as engine:
        view = latest_view(engine, site, "result")
        return {
            int(patient): (said, value)
            for patient, said, value in engine.rows(f"SELECT patient_ref, status, value_number FROM {view}")
        }


def test_every_status_in_both_orders(site: Site, tmp_path: Path) -> None:
    assert set(STANDS) - {"?"} == set(statuses()["OBX"])
    cases = [(code, "2", stands) for code, stands in STANDS.items()]
    cases += [(code, "", stands) for code, stands in EMPTY.items()]
    wanted, batches = {}, [[], []]
    for place, (code, value, stands) in enumerate(cases):
        for turn in (0, 1):
            number = 2 * place + turn
            pair = [_message(number, "P", "1", 0), _message(number, code, value, 1)]
            batches[turn].append(pair[0])
            batches[1 - turn].append(pair[1])
            wanted[number] = stands
    for place, texts in enumerate(batches):
        path = tmp_path / f"{place}.hl7"
        path.write_text("\r".join(texts), newline="")
        capture_hl7v2(site, path, source="lab", actor="test")
    assert status(site)["adds_up"]
    assert _standing(site) == {number: stands for number, stands in wanted.items() if stands}


def test_a_result_of_the_wrong_patient_is_taken_back_and_given_to_the_right_one(
    site: Site, tmp_path: Path
) -> None:
    wrong = _message(1, "F", "140", 0)
    taken = _message(1, "W", "140", 1).replace("202403011100", "202403011200")
    right = _message(2, "F", "140", 2).replace("202403011100", "202403011300").replace("L2", "L1")
    for place, text in enumerate([right, taken, wrong]):
        path = tmp_path / f"{place}.hl7"
        path.write_text(text, newline="")
        capture_hl7v2(site, path, source="lab", actor="test")
    assert _standing(site) == {2: ("final", 140.0)}
