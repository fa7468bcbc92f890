"""Fair shares: over time each project gets its share, and a flood of one delays nobody else."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from lockgate.workspace.shares import Past, Policy, Waiting, next_up, order, use_of

DAY = 86_400.0


def waits(project: str, number: int, person: str = "ann", since: float = 0.0) -> list[Waiting]:
    return [Waiting(f"{project}-{person}-{i}", project, person, since + i) for i in range(number)]


def served(waiting: list[Waiting], policy: Policy, jobs: int, seconds=lambda job: 60.0) -> list[Waiting]:
    """Run so many jobs, one after another place falling free; in the order they were started."""
    left, running, past, started, clock = list(waiting), [], [], [], 0.0
    while len(started) < jobs:
        turn = next_up(left, [(job.project, job.person) for _, job in running], past, clock, policy)
        if turn is None:
            running.sort(key=lambda one: one[0])
            clock, job = running.pop(0)
            past.append(Past(job.project, job.person, seconds(job), clock))
            continue
        left.remove(turn)
        started.append(turn)
        running.append((clock + seconds(turn), turn))
    return started


def test_many_projects_get_the_same_however_much_they_ask():
    waiting = [job for number in range(20) for job in waits(f"p{number:02}", 5 if number else 500)]
    started = Counter(job.project for job in served(waiting, Policy(running=4, running_per_project=2), 60))
    assert set(started.values()) == {3}
    assert len(started) == 20


def test_long_jobs_count_as_what_they_take():
    waiting = waits("long", 200) + waits("short", 200)
    started = served(waiting, Policy(running=1), 110, lambda job: 600.0 if job.project == "long" else 60.0)
    told = Counter(job.project for job in started)
    assert told["short"] == pytest.approx(10 * told["long"], rel=0.15)


def test_a_share_of_two_gets_twice_as_much():
    waiting = waits("a", 100) + waits("b", 100) + waits("c", 100)
    policy = Policy(running=1, shares={"c": 2.0})
    told = Counter(job.project for job in served(waiting, policy, 80))
    assert (told["a"], told["b"], told["c"]) == (20, 20, 40)


def test_people_of_a_project_take_turns_and_each_in_order():
    waiting = waits("p", 50, "ann") + waits("p", 3, "ben", since=1000.0)
    started = served(waiting, Policy(running=1), 6)
    assert [job.person for job in started] == ["ann", "ben", "ann", "ben", "ann", "ben"]
    assert [job.key for job in started if job.person == "ben"] == ["p-ben-0", "p-ben-1", "p-ben-2"]


def test_use_fades_by_half_lives():
    past = [Past("a", "ann", 100.0, 0.0), Past("b", "ben", 100.0, DAY)]
    assert use_of(past, DAY, Policy(half_life_hours=24)) == {"a": 50.0, "b": 100.0}
    turns = order(waits("b", 1) + waits("a", 1, since=5.0), [], past, DAY, Policy())
    assert [job.project for job in turns] == ["a", "b"]


def test_no_more_run_than_may():
    policy = Policy(running=2, running_per_project=1)
    assert next_up(waits("a", 1), [("b", "x"), ("c", "x")], [], 0.0, policy) is None
    assert next_up(waits("a", 1), [("a", "x")], [], 0.0, policy) is None
    turn = next_up(waits("a", 1) + waits("b", 1, since=9.0), [("a", "x")], [], 0.0, policy)
    assert turn is not None
    assert turn.project == "b"
    assert next_up([], [], [], 0.0, policy) is None


@pytest.mark.parametrize("seed", range(20))
def test_every_job_has_one_turn_and_the_order_of_the_list_says_nothing(seed):
    chance = random.Random(seed)
    waiting = [
        Waiting(
            str(number),
            chance.choice("abcd"),
            chance.choice("xyz"),
            chance.choice([0.0, 1.0, chance.random()]),
        )
        for number in range(1, 30)
    ]
    turns = order(waiting, [], [], 0.0, Policy())
    assert sorted(turns, key=lambda job: job.key) == sorted(waiting, key=lambda job: job.key)
    mixed = list(waiting)
    chance.shuffle(mixed)
    assert order(mixed, [], [], 0.0, Policy()) == turns
    assert turns[0] == next_up(mixed, [], [], 0.0, Policy(running=1))
