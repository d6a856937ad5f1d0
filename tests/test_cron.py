"""Schedules are read as cron reads them, and the longest gap between two runs is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.cron import read_schedule

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("*/5 * * * *", 300),
        ("* * * * *", 60),
        ("0,5,10,20 * * * *", 40 * 60),
        ("*/7 * * * *", 420),
        ("7-59/7 * * * *", 11 * 60),
        ("3/10 * * * *", 600),
        ("0 * * * *", HOUR),
        ("@hourly", HOUR),
        ("*/5 8-17 * * *", 14 * HOUR + 300),
        ("0 3 * * *", DAY),
        ("0 3 * * mon-fri", 3 * DAY),
        ("0 3 * * 1,7", 6 * DAY),
        ("0 0 1 * *", 31 * DAY),
        ("0 0 1 1 *", 366 * DAY),
        ("0 0 1,15 * mon", 7 * DAY),
        ("TZ=UTC 0 0 * jan *", 335 * DAY),
        ("0 0 31 2 *", 731 * DAY),
        ("CRON_TZ=Etc/UTC @daily", DAY),
    ],
)
def test_the_longest_gap_is_found(text: str, gap: int) -> None:
    schedule = read_schedule(text)
    assert schedule
    assert abs(schedule.longest_gap() - gap) <= (DAY if gap > 30 * DAY else 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "* * 0 * *",
        "@often",
        "1- * * * *",
    ],
)
def test_what_is_no_schedule_is_none(text: str) -> None:
    assert read_schedule(text) is None


@given(st.integers(1, 59))
def test_every_so_many_minutes_is_never_longer_apart(minutes: int) -> None:
    schedule = read_schedule(f"*/{minutes} * * * *")
    assert schedule
    assert schedule.longest_gap() <= 60 * max(minutes, 60 % minutes)


@given(st.text(alphabet="0123456789*/,-@ amonTZ=", max_size=20))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    schedule = read_schedule(text)
    assert schedule is None or schedule.longest_gap() >= 0
