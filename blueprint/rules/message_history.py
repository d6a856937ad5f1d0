"""What can be wrong with a history of messages: one lost, one answered twice, an order not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from blueprint.evidence import Finding, Findings, Place
from blueprint.live import rows, table
from blueprint.message_history import FAILED, LAST, RIGHT, WRONG, Asked, History, Told, name_of

SHOWN = 20
"""Findings of one kind that are listed; the rest is counted."""
Offence = tuple[str, str]
"""A message, and what is wrong with it."""


def lost_messages(history: History) -> Findings:
    """Messages that were acknowledged and never answered, or answered with something else."""
    final = _by_message(history, lambda told: told.kind in LAST)
    offences: list[Offence] = []
    for session, message in history.messages():
        kinds = {each.kind for each in final.get((session, message), ())}
        if RIGHT not in kinds:
            said = "answered wrongly" if WRONG in kinds else "failed, and never answered" if FAILED in kinds else ""
            offences.append((name_of(session, message), said or "lost: it was acknowledged and never answered"))
    return _concluded(history, offences, "each of {} messages answered")


def repeated_answers(history: History) -> Findings:
    """Messages with more than one answer, once the repeats that the protocol allows are passed over.

    A repeat has the attempt and the number of what it repeats; one that carries another kind of event does not
    repeat it.
    """
    answers = _by_message(history, lambda told: told.kind in {RIGHT, WRONG})
    offences: list[Offence] = [
        (name_of(*key), f"answered {len(each)} times") for key, each in answers.items() if len(each) > 1
    ]
    for session, told in history.told.items():
        first = {each[:3]: each.kind for each in history.first_told(session)}
        offences += [
            (name_of(session, each.message), f"event {each.number} was told in two ways")
            for each in told
            if first[each[:3]] != each.kind
        ]
    repeats = sum(len(told) - len(history.first_told(session)) for session, told in history.told.items())
    return _concluded(history, offences, f"none of {{}} messages answered twice; {repeats} events told again")


def disordered_messages(history: History) -> Findings:
    """Messages that were begun before one that was sent earlier, and events of a message that are out of order."""
    offences: list[Offence] = []
    for session in history.acknowledged:
        asked, told = history.first_asked(session), history.first_told(session)
        offences += [(name_of(session, each.message), "was sent after a later one") for each in _sent_late(asked)]
        offences += [(name_of(session, message), said) for message, said in _begun_out_of_turn(asked, told)]
        offences += [(name_of(session, message), said) for message, said in _broken_rows(told)]
    return _concluded(history, offences, "{} messages in the order in which they were sent")


def idle_kills(seen: object, wanted: int) -> Findings:
    """Kills that were fewer than wanted, that nobody restarted, or that hit a worker with nothing to do."""
    kills = rows(table(seen).get("kills"))
    names = [f"kill {number}" for number in range(1, wanted + 1)]
    found = []
    for name, kill in zip(names, kills, strict=False):
        if int(kill.get("restarts", 0)) != 1:
            found.append(Finding(f"was followed by {kill.get('restarts')} restarts", Place(key=name)))
        if int(kill.get("waiting", 0)) < 1:
            found.append(Finding("hit a worker for which no message was waiting", Place(key=name)))
    told = ", ".join(f"after {kill.get('answered')} answers with {kill.get('waiting')} waiting" for kill in kills)
    return Findings.of(names[: len(kills)], names, found, f"the worker was killed {told}")


def missed_plants(history: History) -> Findings:
    """What the three rules do not find, or find elsewhere, where it is planted into this very history."""
    rules = {"loss": lost_messages, "duplicate": repeated_answers, "reorder": disordered_messages}
    found, examined = [], []
    for planted, plant in PLANTS.items():
        changed, name = plant(history)
        if not name:
            continue
        examined.append(planted)
        for kind, rule in rules.items():
            named = {finding.place.key for finding in rule(changed).found} - {f.place.key for f in rule(history).found}
            if (named == {name}) != (kind == planted) or (named and kind != planted):
                what = (
                    f"a planted {planted} of {name}: the rule for a {kind} names {', '.join(sorted(named)) or 'none'}"
                )
                found.append(Finding(what, Place(key=planted)))
    observed = "one planted loss, one duplicate and one reorder were each found, and nothing else"
    return Findings.of(examined, PLANTS, found, observed)


def _keys(findings: Findings) -> set[str]:
    return {finding.place.key for finding in findings.found}


# the plants: each gives a changed history, and the message that the change is about


def _plant_loss(history: History) -> tuple[History, str]:
    session, message, _ = _middle(history)
    left = tuple(each for each in history.told.get(session, ()) if each.message != message or each.kind not in LAST)
    return _with(history, session, left), name_of(session, message) if session else ""


def _plant_duplicate(history: History) -> tuple[History, str]:
    session, message, told = _middle(history)
    again = tuple(
        each._replace(number=each.number + 1) for each in told if each.message == message and each.kind == RIGHT
    )
    return _with(history, session, told + again[:1]), name_of(session, message) if again else ""


def _plant_reorder(history: History) -> tuple[History, str]:
    """All that was first told of a message comes after that of the next one."""
    session, message, _ = _middle(history)
    told = history.first_told(session)
    own = [each for each in told if (each.message, each.attempt) == (message, 1)]
    rest = [each for each in told if (each.message, each.attempt) != (message, 1)]
    after = max((at for at, each in enumerate(rest) if (each.message, each.attempt) == (message + 1, 1)), default=-1)
    moved = (*rest[: after + 1], *own, *rest[after + 1 :])
    return _with(history, session, moved), name_of(session, message + 1) if own and after >= 0 else ""


PLANTS: Mapping[str, Callable[[History], tuple[History, str]]] = {
    "loss": _plant_loss,
    "duplicate": _plant_duplicate,
    "reorder": _plant_reorder,
}


def _middle(history: History) -> tuple[str, int, tuple[Told, ...]]:
    """A message in the middle of a session in the middle that has another after it, and all told of that session."""
    fit = [session for session, count in history.acknowledged.items() if count > 1]
    if not fit:
        return "", -1, ()
    session = fit[len(fit) // 2]
    return session, (history.acknowledged[session] - 1) // 2, history.told.get(session, ())


def _with(history: History, session: str, told: tuple[Told, ...]) -> History:
    return replace(history, told={**history.told, session: told})


# what the rules look at


def _by_message(history: History, wanted: Callable[[Told], bool]) -> Mapping[tuple[str, int], list[Told]]:
    found: dict[tuple[str, int], list[Told]] = {}
    for session in history.told:
        for each in history.first_told(session):
            if wanted(each):
                found.setdefault((session, each.message), []).append(each)
    return found


def _sent_late(asked: Sequence[Asked]) -> Iterator[Asked]:
    """First attempts that come after that of a later message; a message that failed is sent again at any time."""
    first = [each for each in asked if each.attempt == 1]
    yield from (later for earlier, later in pairwise(first) if later.message < earlier.message)


def _begun_out_of_turn(asked: Sequence[Asked], told: Sequence[Told]) -> Iterator[tuple[int, str]]:
    begun = list(dict.fromkeys(Asked(each.message, each.attempt) for each in told))
    place = {each: at for at, each in enumerate(asked)}
    for each in begun:
        if each not in place:
            yield each.message, f"attempt {each.attempt} was begun and never sent"
    for earlier, later in pairwise([each for each in begun if each in place]):
        if place[later] < place[earlier]:
            yield earlier.message, f"was begun before {later.message}, which was sent earlier"


def _broken_rows(told: Sequence[Told]) -> Iterator[tuple[int, str]]:
    """Attempts whose events are not numbered from 1 without a gap, or go on after the last."""
    rows: dict[Asked, list[Told]] = {}
    for each in told:
        rows.setdefault(Asked(each.message, each.attempt), []).append(each)
    for attempt, own in rows.items():
        if [each.number for each in own] != list(range(1, len(own) + 1)):
            yield attempt.message, f"its events came as {', '.join(str(each.number) for each in own)}"


def _concluded(history: History, offences: Sequence[Offence], observed: str) -> Findings:
    names = [name_of(*each) for each in history.messages()]
    shown = [Finding(what, Place(key=name)) for name, what in offences[:SHOWN]]
    if len(offences) > SHOWN:
        kinds = Counter(what for _, what in offences)
        rest = "; ".join(f"{count} {what}" for what, count in kinds.most_common(3))
        shown.append(Finding(f"{len(offences)} in all: {rest}", Place(key="messages")))
    return Findings.of(names, names, shown, observed.format(len(names)))
