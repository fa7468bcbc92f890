"""A stolen release and a list of every NHS number, without the key, link nobody: tried as a thief would try."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.curate import Release, build_release, open_release
from lockgate.identity import pseudonymise_ints, pseudonymise_strings
from lockgate.site import Keys, Site

DAY = date(2026, 11, 1)
MASK = 2**63 - 1


@pytest.fixture
def stolen(release: Release) -> set[int]:
    """What a thief has of the release."""
    return every_number(release)


def every_number(release: Release) -> set[int]:
    """Every whole number in every column of every file of the release: ids whatever they are called."""
    found: set[int] = set()
    for path in release.path.rglob("*.parquet"):
        if path.name in ("people.parquet",) or not path.name.startswith(("concept", "vocab", "relationship")):
            table = pq.read_table(path)
            for column in table.columns:
                if pa.types.is_integer(column.type):
                    found.update(
                        value for value in column.unique().to_pylist() if value and abs(value) > 10**12
                    )
    return found


@pytest.fixture
def numbers(hospital: Site) -> list[str]:
    """The NHS numbers of the people in it, among others of the whole list."""
    real = [
        value
        for path in hospital.staged.glob("*/patient.parquet")
        for value in pq.read_table(path).column("nhs_number").to_pylist()
        if value
    ]
    assert len(real) >= 3
    return [*real, *(f"{n:010d}" for n in range(9_434_765_000, 9_434_766_000))]


def as_numbers(digest: bytes) -> Iterator[int]:
    """The ways to make a 63 or 64 bit number of a digest."""
    for part in (digest[:8], digest[-8:]):
        for order in ("little", "big"):
            value = int.from_bytes(part, order)  # type: ignore[arg-type]
            yield from (value, value & MASK, value >> 1)


def guessable(site: Site, release: Release) -> list[bytes]:
    """What somebody who holds the release and its manifest could take for a key or a salt."""
    said = [
        "", "0", "lockgate", "secret", "password", "salt", "person", "release/ids", "lockgate/release/ids",
        site.config.site.name, site.config.site.ods_code, release.number, str(release.manifest["key_id"]),
        site.public_key.hex(), str(release.manifest["created_at"]), str(release.manifest["tables"]["person"]["sha256"]),
    ]  # fmt: skip
    return [*(word.encode() for word in said), bytes(32), b"\xff" * 32, site.public_key]


def hashes(numbers: Iterable[str], keys: list[bytes]) -> Iterator[int]:
    for number, key in itertools.product(numbers, keys):
        plain = number.encode()
        yield int(number)
        yield zlib.crc32(plain)
        for name in ("md5", "sha1", "sha256", "blake2b"):
            for text in (plain, key + plain, plain + key, key + b"|" + plain):
                yield from as_numbers(hashlib.new(name, text).digest())
        for name in ("sha256", "sha512"):
            yield from as_numbers(hmac.new(key, plain, name).digest())
        yield from as_numbers(hashlib.blake2b(plain, key=key[:64], digest_size=8).digest())


def own_functions(numbers: list[str], keys: list[bytes]) -> set[int]:
    """Our own functions under guessed keys, of the numbers and of small person keys."""
    found: set[int] = set()
    people = np.array([*range(1, 2000), *map(int, numbers)], np.int64)
    for key in keys:
        for secret in (key.ljust(32, b"\0")[:32], hashlib.sha256(key).digest()):
            for domain in ("person", "visit_occurrence", "event"):
                found.update(pseudonymise_ints(np.unique(people), secret, domain).tolist())
                texts = pa.array(sorted(set(numbers)))
                found.update(pseudonymise_strings(texts, secret, domain).to_pylist())
    return found


def test_hashes_keyed_or_salted_with_what_can_be_guessed_link_nobody(
    hospital: Site, release: Release, stolen: set[int], numbers: list[str]
) -> None:
    assert len(stolen) > 10
    keys = guessable(hospital, release)
    assert not stolen & set(hashes(numbers[:60], keys))
    assert not stolen & own_functions(numbers[:300], keys)
    # the attack itself works: with the key it finds them
    key = hospital.key("release/ids")
    assert len(stolen & set(pseudonymise_ints(np.arange(1, 2000), key, "person").tolist())) >= 3


def test_the_attack_would_find_a_release_without_a_key(
    hospital: Site, numbers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: built with ids that anybody can make, the release links its people."""
    derive = Keys.derive

    def unkeyed(self: Keys, purpose: str, *args: Any, **kwargs: Any) -> bytes:
        return bytes(32) if purpose == "release/ids" else derive(self, purpose, *args, **kwargs)

    monkeypatch.setattr(Keys, "derive", unkeyed)
    release = open_release(hospital, build_release(hospital, actor="test", at=DAY, full=True).release)
    people = set(pq.read_table(release.table_path("person")).column("person_id").to_pylist())
    assert people <= every_number(release) & own_functions(numbers[:10], guessable(hospital, release))


def test_neither_order_nor_nearness_of_ids_follows_the_numbers(hospital: Site) -> None:
    people = np.arange(1, 20_001)
    ids = pseudonymise_ints(people, hospital.key("release/ids"), "person")
    ranks = np.argsort(np.argsort(ids))
    assert abs(np.corrcoef(people, ranks)[0, 1]) < 0.03
    for modulus in (2, 7, 11, 97, 1024):  # no trace of the plain number in the remainders
        same = np.mean(ids % modulus == people % modulus)
        assert abs(same - 1 / modulus) < 0.02


def test_two_projects_ids_share_nothing_but_by_the_key(hospital: Site, release: Release) -> None:
    ids = pq.read_table(release.table_path("person")).column("person_id").to_numpy()
    one, two = (set(pseudonymise_ints(ids, hospital.project_key(p), "person").tolist()) for p in ("a", "b"))
    assert len(one) == len(two) == len(ids)
    assert not one & two
    assert not (one | two) & set(ids.tolist())
