"""What a message asks for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.conversation_worker.planning import ToolCall, arithmetic, plan


@pytest.mark.parametrize(
    ("message", "expression"),
    [
        ("What is 6*7?", "6*7"),
        ("What is 6 times 7?", "6 * 7"),
        ("12 plus 30 minus 2", "12 + 30 - 2"),
        ("100 divided by 4", "100 / 4"),
        ("2 to the power of 8", "2 ** 8"),
        ("2^8", "2 ** 8"),
        ("6 \N{MULTIPLICATION SIGN} 7 = ?", "6 * 7"),
        ("compute (2 + 3) * 4, please", "(2 + 3) * 4"),
        ("(I mean 2+2)", "2+2"),
        ("is it (1+2)*(3+4) or not", "(1+2)*(3+4)"),
        ("1/0", "1/0"),
        ("-3 + 5", "-3 + 5"),
        ("1.5*2", "1.5*2"),
        ("We met on 2026-11-25", ""),
        ("We met on 25/11/2026", ""),
        ("It is version 1.2.3-4", ""),
        ("I have 3 cats", ""),
        ("hello", ""),
    ],
)
def test_arithmetic_is_found_in_a_sentence(message: str, expression: str) -> None:
    assert arithmetic(message) == expression


@pytest.mark.parametrize(
    "message",
    ["What time is it?", "what's the date", "What is the current time", "Which day? What day is it?", "time now"],
)
def test_the_clock_is_asked(message: str) -> None:
    assert plan(message).calls == (ToolCall("clock", ""),)


@pytest.mark.parametrize("message", ["I had a good time", "a date with Ada", "Remember that it was time to go"])
def test_the_clock_is_not_asked(message: str) -> None:
    assert plan(message).calls == ()


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Remember that Ada likes tea", "Ada likes tea"),
        ("please remember: the code is 2+2", "the code is 2+2"),
        ("REMEMBER THAT\nit rains", "it rains"),
    ],
)
def test_what_is_told_is_kept_and_nothing_is_worked_out(message: str, kept: str) -> None:
    decided = plan(message)
    assert (decided.told, decided.keep, decided.kind, decided.calls) == (True, kept, "statement", ())


@pytest.mark.parametrize(
    ("message", "topic"),
    [
        ("What did I tell you about the cat?", "the cat"),
        ("what do you know about Ada", "Ada"),
        ("Do you remember what I said about tea?", "tea"),
        ("recall keys", "keys"),
    ],
)
def test_what_is_asked_for_is_sought(message: str, topic: str) -> None:
    decided = plan(message)
    assert (decided.asked, decided.topic, decided.kind) == (True, topic, "question")


@settings(deadline=None)  # wall time says nothing on a busy machine
@given(st.text(max_size=300))
def test_every_message_has_a_plan(message: str) -> None:
    decided = plan(message)
    assert decided.kind in {"statement", "question"}
    assert decided.told <= (not decided.calls)
