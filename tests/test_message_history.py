"""The checker of a history of messages: what is sound, what is planted, and that nothing is lost by packing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blueprint.message_history import (
    Asked,
    History,
    Told,
    packed_asked,
    packed_told,
    unpacked_asked,
    unpacked_told,
)
from blueprint.rules.message_history import (
    disordered_messages,
    idle_kills,
    lost_messages,
    missed_plants,
    repeated_answers,
)
from blueprint.trouble import Trouble

KINDS = "RPSMTA"
RULES = (lost_messages, repeated_answers, disordered_messages)
SAME = settings(
    derandomize=True, database=None, deadline=None, max_examples=60, suppress_health_check=list(HealthCheck)
)


def told_of(message: int, kinds: str = KINDS) -> tuple[Told, ...]:
    return tuple(Told(message, 1, number, kind) for number, kind in enumerate(kinds, 1))


def session_told(count: int, deaths: list[tuple[int, int, int]]) -> tuple[Told, ...]:
    """What a worker tells that dies: each death is told up to an event of a message, then again from an earlier one."""
    told: list[Told] = []
    begin = 0
    for message, events, back in deaths:
        if message >= begin:
            told += [each for number in range(begin, message) for each in told_of(number)]
            told += told_of(message)[:events]
            begin = max(0, message - back)
    return tuple(told + [each for number in range(begin, count) for each in told_of(number)])


@st.composite
def histories(draw: st.DrawFn) -> History:
    counts = draw(st.lists(st.integers(2, 12), min_size=1, max_size=4))
    told = {}
    for session, count in enumerate(counts):
        death = st.tuples(st.integers(0, count - 1), st.integers(0, len(KINDS)), st.integers(0, 3))
        told[f"{session:03}"] = session_told(count, draw(st.lists(death, max_size=3)))
    acknowledged = {f"{session:03}": count for session, count in enumerate(counts)}
    asked = {name: tuple(Asked(number, 1) for number in range(count)) for name, count in acknowledged.items()}
    return History(acknowledged, asked, told)


@SAME
@given(histories())
def test_a_worker_that_dies_and_begins_again_does_nothing_wrong(history: History) -> None:
    """What the protocol allows is no finding, and a plant into it is found by its own rule alone."""
    assert [rule(history).found for rule in RULES] == [(), (), ()]
    planted = missed_plants(history)
    assert planted.found == ()
    assert planted.examined == {"loss", "duplicate", "reorder"}


@SAME
@given(histories())
def test_packing_loses_nothing(history: History) -> None:
    for asked, told in zip(history.asked.values(), history.told.values(), strict=True):
        assert tuple(unpacked_asked(packed_asked(asked))) == asked
        assert tuple(unpacked_told(packed_told(told))) == told


def test_many_messages_are_one_row() -> None:
    """A session without an event out of the ordinary takes one row, however long it is."""
    assert packed_told([each for number in range(50) for each in told_of(number)]) == ["0-49 1.1 RPSMTA"]


SOUND = History({"000": 3}, {"000": tuple(Asked(n, 1) for n in range(3))}, {"000": session_told(3, [])})


@pytest.mark.parametrize(
    ("told", "rule", "said"),
    [
        (told_of(0) + told_of(1, "RPSM") + told_of(2), 0, "000/1: lost: it was acknowledged and never answered"),
        (told_of(0) + told_of(1, "RPF") + told_of(2), 0, "000/1: failed, and never answered"),
        (told_of(0) + told_of(1, "RPSMTX") + told_of(2), 0, "000/1: answered wrongly"),
        ((*session_told(3, []), Told(1, 1, 7, "A")), 1, "000/1: answered 2 times"),
        ((*session_told(3, []), Told(1, 1, 2, "T")), 1, "000/1: event 2 was told in two ways"),
        (told_of(0) + told_of(2) + told_of(1), 2, "000/2: was begun before 1, which was sent earlier"),
        (told_of(0) + told_of(1)[1:] + told_of(2), 2, "000/1: its events came as 2, 3, 4, 5, 6"),
    ],
)
def test_each_offence_is_named(told: tuple[Told, ...], rule: int, said: str) -> None:
    found = RULES[rule](replace(SOUND, told={"000": told})).found
    assert [str(finding) for finding in found] == [said]


def test_a_message_that_failed_may_be_sent_again() -> None:
    """The second attempt comes after later messages, and is neither a duplicate nor out of order."""
    again = tuple(Told(0, 2, number, kind) for number, kind in enumerate(KINDS, 1))
    told = told_of(0, "RPF") + told_of(1) + told_of(2) + again
    history = replace(SOUND, asked={"000": (*SOUND.asked["000"], Asked(0, 2))}, told={"000": told})
    assert [rule(history).found for rule in RULES] == [(), (), ()]


def test_a_history_that_is_nothing_is_not_passed() -> None:
    """Nothing acknowledged is nothing examined, and nothing can be planted."""
    empty = History.of({"acknowledged": {}})
    assert not lost_messages(empty).population
    assert missed_plants(empty).unexamined == {"loss", "duplicate", "reorder"}


def test_a_row_that_cannot_be_read_is_trouble() -> None:
    with pytest.raises(Trouble, match="no row of a history"):
        History.of({"told": {"000": ["0 to 4"]}})


@pytest.mark.parametrize(
    ("kills", "said"),
    [
        ([{"answered": 2, "waiting": 9, "restarts": 1}, {"answered": 5, "waiting": 3, "restarts": 1}], []),
        (
            [{"answered": 2, "waiting": 0, "restarts": 1}, {"answered": 5, "waiting": 3, "restarts": 1}],
            ["kill 1: hit a worker for which no message was waiting"],
        ),
        (
            [{"answered": 2, "waiting": 9, "restarts": 1}, {"answered": 5, "waiting": 3, "restarts": 0}],
            ["kill 2: was followed by 0 restarts"],
        ),
    ],
)
def test_a_kill_counts_where_it_hit_work_in_hand(kills: list[dict[str, int]], said: list[str]) -> None:
    findings = idle_kills({"kills": kills}, 2)
    assert [str(finding) for finding in findings.found] == said
    assert not findings.unexamined


def test_fewer_kills_than_wanted_are_too_little() -> None:
    findings = idle_kills({"kills": [{"answered": 2, "waiting": 9, "restarts": 1}]}, 2)
    assert findings.unexamined == {"kill 2"}
