"""Schedules as cron and Kubernetes write them, and the longest time that passes between two runs."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = {name.casefold(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\d+))?")
_DAY_MINUTES = 24 * 60
_YEARS = (2023, 2024)  # one of each length, one behind the other
_SUNDAY = 7


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something runs: minutes, hours, days of the month, months, days of the week."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_of_days: bool

    def longest_gap(self) -> int:
        """Seconds between two runs, at most; of what runs once in two years or never, these two years."""
        times = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        dates = _calendar()
        days = [index for index, date in enumerate(dates) if self._runs_on(*date)]
        nights = max((later - earlier for earlier, later in pairwise(days)), default=len(dates))
        gaps = [later - earlier for earlier, later in pairwise(times)]
        return 60 * max(*gaps, nights * _DAY_MINUTES + times[0] - times[-1], 0)

    def _runs_on(self, year: int, month: int, day: int) -> bool:
        if month not in self.months:
            return False
        by_day, by_weekday = day in self.days, (calendar.weekday(year, month, day) + 1) % _SUNDAY in self.weekdays
        return by_day or by_weekday if self.any_of_days else by_day and by_weekday


def _calendar() -> list[tuple[int, int, int]]:
    return [
        (year, month, day)
        for year in _YEARS
        for month in range(1, 13)
        for day in range(1, calendar.monthrange(year, month)[1] + 1)
    ]


def read_schedule(text: str) -> Schedule | None:
    """The schedule that a text is; None where it is none."""
    plain = re.sub(r"^(CRON_)?TZ=\S+\s+", "", text.strip())
    fields = _MACROS.get(plain, plain).split()
    if len(fields) != len(_BOUNDS):
        return None
    names: tuple[Mapping[str, int], ...] = ({}, {}, {}, _MONTHS, _DAYS)
    sets = [_values(field, bounds, known) for field, bounds, known in zip(fields, _BOUNDS, names, strict=True)]
    if not all(sets):
        return None
    minutes, hours, days, months, weekdays = sets
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Schedule(minutes, hours, days, months, frozenset(day % _SUNDAY for day in weekdays), either)


def _values(field: str, bounds: tuple[int, int], names: Mapping[str, int]) -> frozenset[int]:
    """The numbers that a field stands for; none where it is not understood."""
    lowest, highest = bounds
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        step = int(match["step"] or 1) if match else 0
        if not match or not step:
            return frozenset()
        first = lowest if match["from"] == "*" else _number(match["from"], names)
        last = (
            _number(match["to"], names) if match["to"] else highest if match["from"] == "*" or match["step"] else first
        )
        if not lowest <= first <= last <= highest:
            return frozenset()
        found |= set(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, names: Mapping[str, int]) -> int:
    return names.get(text.casefold(), int(text) if text.isdecimal() and text.isascii() else -1)
