"""The one way of waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from provision.waiting import Deadline, WaitedTooLong, until

SOON = Deadline("the count to reach three", 0.3)


def counting() -> Iterator[int]:
    yield from range(1, 1_000_000)


def test_what_holds_is_returned_after_as_many_looks_as_it_takes() -> None:
    numbers = counting()
    assert until(lambda: next(numbers), lambda seen: seen == 3, SOON, every=0.001) == 3


def test_a_condition_that_holds_at_once_costs_one_look() -> None:
    looks: list[int] = []
    until(lambda: looks.append(1), lambda _: True, Deadline("nothing", 0))
    assert looks == [1]


def test_a_deadline_is_named_with_what_was_seen_last() -> None:
    numbers, began = counting(), time.monotonic()
    with pytest.raises(WaitedTooLong) as late:
        until(lambda: f"count {next(numbers)}", lambda _: False, SOON, every=0.1)
    assert time.monotonic() - began >= SOON.seconds
    looks = next(numbers) - 1
    assert (
        late.value.what == f"waited 0.3 s for the count to reach three, looked {looks} times; seen last: count {looks}"
    )


def test_a_look_is_made_at_the_deadline_however_long_the_pause() -> None:
    numbers = counting()
    assert until(lambda: next(numbers), lambda seen: seen == 2, SOON, every=60) == 2


def test_progress_is_told_what_does_not_hold_yet() -> None:
    numbers, told = counting(), list[int]()
    until(lambda: next(numbers), lambda seen: seen == 3, SOON, every=0.001, on_wait=told.append)
    assert told == [1, 2]


def test_what_a_look_raises_ends_the_wait() -> None:
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 // 0, bool, SOON)


def test_of_a_long_answer_the_end_is_shown() -> None:
    with pytest.raises(WaitedTooLong) as late:
        until(lambda: "x" * 9000 + "the end", lambda _: False, Deadline("it", 0))
    assert len(late.value.what) < 2200
    assert late.value.what.endswith("xthe end")
