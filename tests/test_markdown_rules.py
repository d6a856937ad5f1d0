"""Pages that are unclean, unreadable or hostile are findings with their lines, and switch no rule off themselves."""

from __future__ import annotations

from typing import Any, cast

import pytest

from blueprint.documents import Document
from blueprint.rules.markdown_style import MarkdownProblem, unclean_pages
from worlds.markdown_lint import MOST_CHARACTERS, MOST_WORDS, lint

GOOD = """\
---
title: Page
---

# Page

1. Type

    ```bash
    docker compose -f infra/docker-compose.somaagent01.yaml up --build --wait --wait-timeout 120 --remove-orphans --yes
    ```

2. See [what became of it](#gone) on [another page](gone.md).

| Name | What it is |
| ---- | ---------- |
| `a` | a row is one line, however long it gets, for a table cannot be broken as a paragraph can, and so it is let be |
"""


def problems(text: str) -> list[tuple[int, str]]:
    found = cast("dict[str, list[list[Any]]]", lint({"docs/a.md": text}))
    assert all(what for _, _, what in found["docs/a.md"])
    return [(line, rule) for line, rule, _ in found["docs/a.md"]]


def test_a_clean_page_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("find", "put", "line", "rule"),
    [
        ("# Page\n", "#Page\n", 5, "MD018"),
        ("# Page\n", "# Page\n\n\n", 7, "MD012"),
        ("# Page\n", "# Page\n\n### Two below\n", 7, "MD001"),
        ("# Page\n", "# Page\n\ntrailing   \n", 7, "MD009"),
        ("# Page\n", f"# Page\n\n{'long ' * 30}end\n", 7, "MD013"),
        ("```bash", "```", 9, "MD040"),
        ("| `a` | a row", "| `a` | b | a row", 17, "MD056"),
        ("2. See", "3. See", 13, "MD029"),
    ],
)
def test_a_problem_is_told_on_its_line(find: str, put: str, line: int, rule: str) -> None:
    assert GOOD.count(find) == 1
    assert (line, rule) in problems(GOOD.replace(find, put))


@pytest.mark.parametrize(
    "directive", ["<!-- rumdl-disable -->", "<!-- markdownlint-disable -->", "<!--markdownlint-disable-next-line-->"]
)
def test_no_page_switches_a_rule_off_for_itself(directive: str) -> None:
    assert (5, "MD018") in problems(f"# Page\n\n{directive}\n\n#bad\n") + problems(f"# Page\n\n\n{directive}\n#bad\n")


def test_what_would_take_for_ever_is_not_read() -> None:
    assert problems("# Page\n\n" + "a" * MOST_CHARACTERS) == [(1, "size")]
    assert problems("# Page\n\n" + "[" * 10 + "*a" * MOST_WORDS) == [(3, "size")]


def test_paths_say_nothing_about_rules() -> None:
    found = cast("dict[str, list[object]]", lint({"node_modules/../-x\n.md": "#bad\n", "b.md": "# B\0\n"}))
    assert found["node_modules/../-x\n.md"]
    assert found["b.md"] == []


def test_a_page_that_cannot_be_read_or_was_not_linted_is_told() -> None:
    pages = [Document("a.md", "# A\n"), Document("b.md", absent="is not UTF-8")]
    assert [str(each.place) for each in unclean_pages(pages, {"a.md": []}, ["a.md", "b.md"]).found] == ["b.md"]
    assert unclean_pages(pages, {}, ["a.md", "b.md"]).unexamined == {"a.md"}


def test_many_problems_of_a_page_are_counted() -> None:
    told = {"a.md": [MarkdownProblem(line, "MD009", "spaces") for line in range(9, 0, -1)]}
    found = unclean_pages([Document("a.md", "x")], told, ["a.md"]).found
    assert [each.place.line for each in found] == [1, 2, 3, 4, 5, 6]
    assert found[-1].what == "4 more problems"
