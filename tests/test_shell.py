"""Shell text is cut into its commands as a shell would, on the right lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.shell import EXPRESSION, commands


def told(text: str) -> list[str]:
    return [
        f"{command.line} {command.before} {' '.join(command.words)} {command.after}".replace("  ", " ").strip()
        for command in commands(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", ["0 a b"]),
        ("a && b || true", ["0 a &&", "0 && b ||", "0 || true"]),
        ("a | tee x > y 2>&1", ["0 a |", "0 | tee x"]),
        ("a 'b | c' \"d && e\" f\\ g", ["0 a b | c d && e f g"]),
        ("a \\\n  b\nc", ["0 a b ;", "2 ; c"]),
        ("a # b | c\nd", ["0 a ;", "1 ; d"]),
        ("a b#c", ["0 a b#c"]),
        ('X=1 Y="$Z" a b', ["0 a b"]),
        ("if a; then b; else c; fi", ["0 a ;", "0 ; b ;", "0 ; c ;"]),
        ("a || { echo b; exit 1; }", ["0 a ||", "0 || echo b ;", "0 ; exit 1 ;"]),
        ("x=$(a | b)", ["0 a |", "0 | b"]),
        ('echo "$(a || true)"', ["0 a ||", "0 || true", "0 echo $(a || true)"]),
        ("echo `a | b`", ["0 a |", "0 | b", "0 echo `a | b`"]),
        ("cat <<EOF > x\na | b\nEOF\nc", ["0 cat ;", "3 ; c"]),
        ("cat <<-'E'\n\ta | b\n\tE\nc", ["0 cat ;", "3 ; c"]),
        ("a ${{ x || y }} b", [f"0 a {EXPRESSION} b"]),
        ("echo ${x:-a|b} $((1 | 2))", ["0 echo ${x:-a|b} $((1 | 2))"]),
        ("(cd a && b) | c", ["0 ( cd a &&", "0 && b )", "0 | c"]),
        ("a & b", ["0 a &", "0 & b"]),
        ("a >| b; c &> d", ["0 a ;", "0 ; c"]),
        ("", []),
        ("# nothing\n", []),
        ("a 'open", ["0 a open"]),
    ],
)
def test_commands_are_told(text: str, expected: list[str]) -> None:
    assert told(text) == expected


def test_what_is_written_to_is_told() -> None:
    found = commands("a > x 2> y >> z <in 2>&1 3>-\n> only")
    assert [command.writes for command in found] == [["x", "y", "z"], ["only"]]
    assert found[0].words == ["a"]


@given(st.text(st.sampled_from(list("ab \n|&;()<>$`'\"\\#{}=EOF-")), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    for command in commands(text):
        assert 0 <= command.line <= text.count("\n")


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), min_size=1, max_size=4))
def test_what_is_quoted_is_one_word(words: list[str]) -> None:
    import shlex

    assert [command.words for command in commands("x " + shlex.join(words))] == [["x", *words]]
