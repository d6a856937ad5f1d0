"""YAML that is unclean, unreadable or hostile is a finding with its line, and takes no time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.documents import Document
from blueprint.rules.yaml_style import is_template, unclean_yaml
from worlds.yaml_lint import lint

GOOD = (Path(__file__).parent / "samples" / "yaml" / "good.yaml").read_text(encoding="utf-8")


def test_clean_yaml_has_no_problem() -> None:
    assert lint(GOOD) == ()


@pytest.mark.parametrize(
    ("find", "put", "line", "rule"),
    [
        ("services:", "services: {}\nservices:", 3, "key-duplicates"),
        ("1.0.0", "1.0.0  ", 4, "trailing-spaces"),
        ("image: ", "image:   ", 4, "colons"),
        ("  gateway:", "\tgateway:", 3, "syntax"),
        ("image: gateway:1.0.0", "image: a: b", 4, "syntax"),
        ('["127.0.0.1:8010:8010"]', '["127.0.0.1:8010:8010"', 6, "syntax"),
        ("push", "p\x07sh", 6, "syntax"),
        ("push", "0755", 6, "octal-values"),
        ("push", "*nowhere", 6, "anchors"),
        ("push\n", "push", 6, "new-line-at-end-of-file"),
        ("# yamllint disable rule:all\n", "# a\r\n", 1, "new-lines"),
    ],
)
def test_a_problem_is_told_on_its_line(find: str, put: str, line: int, rule: str) -> None:
    assert GOOD.count(find) == 1
    problems = lint(GOOD.replace(find, put))
    assert (line, rule) in {(problem.line, problem.rule) for problem in problems}
    assert all(problem.what for problem in problems)


@pytest.mark.parametrize("directive", ["# yamllint disable-file", "# yamllint disable", "#  yamllint disable-line"])
def test_no_file_switches_a_rule_off_for_itself(directive: str) -> None:
    assert [problem.rule for problem in lint(f"{directive}\na:   1  {directive}\n")] == ["colons"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[" * 20_000, "size"),
        ("[\n" * 20_000, "size"),
        ("a: {" * 20_000, "size"),
        ("a: b\n" * 150_000, "size"),
        ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)), ""),
        ("- " * 20_000, "line-length"),
        ("".join("[" + "x, " * 5 + "]\n" for _ in range(200)), "syntax"),
    ],
    ids=["brackets", "brackets-on-lines", "braces", "long", "bomb", "dashes", "closed"],
)
def test_hostile_yaml_is_refused_before_it_costs_anything(text: str, rule: str) -> None:
    """The parser takes minutes for what is refused by its size, and no time for the rest."""
    rules = {problem.rule for problem in lint(text)}
    assert rule in rules or rules == {rule} - {""}
    assert rule == "size" or "size" not in rules


@given(st.text(st.sampled_from(list("ab:-?[]{}&*!|>%@`'\"#,\n\r\t \ufeff\x07é")), max_size=40))
def test_no_text_breaks_the_linter(text: str) -> None:
    assert all(1 <= problem.line <= text.count("\n") + text.count("\r") + 2 for problem in lint(text))


def test_unclean_files_are_findings_and_a_file_without_text_is_one_too() -> None:
    documents = [Document("infra/a.yaml", "a:   1\n"), Document("infra/b.yaml", absent="is binary")]
    findings = unclean_yaml(documents, {"infra/a.yaml": lint("a:   1\n")}, ["infra/a.yaml", "infra/b.yaml"])
    assert [str(finding.place) for finding in findings.found] == ["infra/a.yaml:1", "infra/b.yaml"]
    assert findings.found[0].what == "offends against colons: too many spaces after colon"
    assert findings.found[1].what == "b.yaml is binary"
    assert not findings.unexamined


def test_the_first_problems_of_a_file_are_told_and_the_rest_counted() -> None:
    text = "a:   1\n" + "".join(f"k{number}:   1\n" for number in range(9))
    findings = unclean_yaml([Document("infra/a.yaml", text)], {"infra/a.yaml": lint(text)}, ["infra/a.yaml"])
    assert [finding.place.line for finding in findings.found] == [1, 2, 3, 4, 5, 6]
    assert findings.found[-1].what == "5 more problems"


def test_a_file_that_only_the_second_path_knows_is_unexamined() -> None:
    findings = unclean_yaml(
        [Document("infra/a.yaml", "a: 1\n")], {"infra/a.yaml": ()}, ["infra/a.yaml", "infra/b.yaml"]
    )
    assert findings.found == ()
    assert findings.unexamined == {"infra/b.yaml"}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("infra/helm/soma-stack/templates/a.yaml", "a: 1\n", True),
        ("infra/helm/soma-stack/templates/deep/a.yaml", "a: 1\n", True),
        ("infra/helm/no-chart/templates/a.yaml", "a: {{ .Values.a }}\n", True),
        ("infra/helm/no-chart/templates/a.yaml", "a: 1\n", False),
        ("infra/helm/soma-stack/values.yaml", "a: 1\n", False),
        ("infra/templates.yaml", "a: {{ b }}\n", False),
    ],
)
def test_templates_are_told_from_yaml(path: str, text: str, expected: bool) -> None:
    assert is_template(Document(path, text), ["infra/helm/soma-stack/Chart.yaml"]) is expected
