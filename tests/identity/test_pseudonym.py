"""Pseudonyms: injective, stable, apart by domain and key, and nothing without the key."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.engine import Engine
from lockgate.errors import LockgateError
from lockgate.identity import pseudonym
from lockgate.identity.pseudonym import pseudonymise, pseudonymise_ints, pseudonymise_strings, rekey

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
int64 = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(st.lists(int64, unique=True, max_size=200))
def test_ints_are_injective_positive_and_in_order(keys: list[int]) -> None:
    hidden = pseudonymise_ints(np.array(keys, dtype=np.int64), KEY, "person")
    assert len(set(hidden.tolist())) == len(keys)
    assert all(value > 0 for value in hidden.tolist())
    again = {key: pseudonymise_ints(np.array([key], dtype=np.int64), KEY, "person")[0] for key in keys[:3]}
    assert all(hidden[keys.index(key)] == value for key, value in again.items())


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=100))
def test_strings_follow_equality(values: list[str]) -> None:
    hidden = pseudonymise_strings(pa.array(values, pa.string()), KEY, "visit").to_pylist()
    assert len(set(hidden)) == len(set(values))
    assert dict(zip(values, hidden, strict=True)) == dict(
        zip(reversed(values), reversed(hidden), strict=True)
    )


def test_blocks_are_aes_256() -> None:
    """One block computed the plain way, apart from the vectorised code."""
    secret = pseudonym._subkey(KEY, b"lockgate-ints", "person")
    import hashlib

    tag = hashlib.blake2b(b"person", digest_size=8, person=b"lockgate-domain").digest()
    encryptor = Cipher(algorithms.AES(secret), modes.ECB()).encryptor()
    block = encryptor.update(tag + (42).to_bytes(8, "little"))
    expected = int.from_bytes(block[:8], "little") & (2**63 - 1)
    assert pseudonymise_ints(np.array([42]), KEY, "person")[0] == expected


@pytest.mark.parametrize("change", [{"key": OTHER}, {"domain": "visit"}])
def test_another_key_or_domain_shares_nothing(change: dict) -> None:
    keys = np.arange(100_000)
    ours = pseudonymise_ints(keys, **({"key": KEY, "domain": "person"} | change))
    theirs = pseudonymise_ints(keys, KEY, "person")
    assert not np.intersect1d(ours, theirs).size
    # Each bit is a fair coin, and being near says nothing: no correlation with the key or the other pseudonym.
    assert abs(np.corrcoef(ours.astype(float), theirs.astype(float))[0, 1]) < 0.02
    assert abs(np.corrcoef(ours.astype(float), keys.astype(float))[0, 1]) < 0.02


def test_a_stolen_release_and_every_number_link_nobody_without_the_key() -> None:
    numbers = pa.array([f"999{n:07d}" for n in range(20_000)])
    stolen = set(pseudonymise_strings(numbers, KEY, "person").to_pylist())
    guesses = [bytes(32), OTHER, b"lockgate".ljust(32, b"\0")]
    for guess in guesses:
        assert not stolen & set(pseudonymise_strings(numbers, guess, "person").to_pylist())
        assert not stolen & set(pseudonymise(pa.array(range(20_000)), guess, "person").to_pylist())


def test_nulls_stay_null_and_chunks_do_not_matter() -> None:
    whole = pa.array([5, None, 7, 5])
    parts = pa.chunked_array([[5, None], [7, 5]])
    assert pseudonymise(whole, KEY, "person") == pseudonymise(parts, KEY, "person")
    assert pseudonymise(whole, KEY, "person")[1].as_py() is None
    assert pseudonymise(pa.array(["a", None]), KEY, "x")[1].as_py() is None
    assert len(pseudonymise(pa.chunked_array([], pa.string()), KEY, "x")) == 0
    assert len(pseudonymise(pa.chunked_array([], pa.int32()), KEY, "x")) == 0
    with pytest.raises(ValueError, match="NULL"):
        pseudonymise_ints(whole, KEY, "person")


def test_collisions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonym, "_MASK", np.uint64(0xFF))
    with pytest.raises(LockgateError, match="share one pseudonym"):
        pseudonymise_ints(np.arange(300), KEY, "person")
    with pytest.raises(LockgateError, match="share one pseudonym"):
        pseudonymise_strings(pa.array([str(n) for n in range(300)]), KEY, "person")


def test_wrong_keys_and_domains_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        pseudonymise_ints(np.arange(3), b"short", "person")
    with pytest.raises(ValueError, match="domain"):
        pseudonymise_ints(np.arange(3), KEY, "")


def test_rekey_keeps_tables_joinable_and_the_rest_as_it_was() -> None:
    with Engine(threads=1) as engine:
        engine.execute("CREATE TABLE person AS SELECT range AS person_id, range % 7 AS n FROM range(100)")
        engine.execute(
            "CREATE TABLE visit AS SELECT range AS visit_id, range % 100 AS person_id FROM range(300)"
        )
        person = rekey(engine, "person", {"person_id": "person"}, KEY)
        visit = rekey(engine, "SELECT * FROM visit", {"visit_id": "visit", "person_id": "person"}, KEY)
        engine.register("p", person)
        engine.register("v", visit)
        assert engine.one("SELECT count(*) FROM v JOIN p USING (person_id)") == 300
        assert engine.one("SELECT sum(n) FROM p") == engine.one("SELECT sum(n) FROM person")
        assert person.column_names == ["person_id", "n"]
        with pytest.raises(KeyError):
            rekey(engine, "person", {"patient_id": "person"}, KEY)
