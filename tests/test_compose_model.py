"""Compose files are read with the semantics of Compose, and nothing that stands in one can break the reader."""

from __future__ import annotations

import pytest

from blueprint.compose.env_files import assignments
from blueprint.compose.nodes import LARGEST, scalar, written
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.rules.compose_names import ENTRY
from tests.compose_faults import DEFAULT, FAULTS, UNREADABLE
from tests.composing import ROOT, RULES, model_of, our_model


@pytest.mark.parametrize(("text", "line", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_a_finding_of_every_rule(text: str, line: int, message: str) -> None:
    model = model_of(text)
    assert [fault for fault in model.faults if message in fault.what and fault.place.line == line], model.faults
    assert not model.services
    for clause, rule in RULES.items():
        assert rule(model).found, clause


@pytest.mark.parametrize(("text", "line", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_with_its_line_and_hides_nothing(text: str, line: int, message: str) -> None:
    model = model_of(text)
    found = RULES["CMP-001"](model).found
    assert [one for one in found if message in one.what and one.place.line == line], found
    for rule in RULES.values():
        rule(model)


@pytest.mark.parametrize(
    ("absent", "nearest", "expected"),
    [
        (Document(ENTRY, absent="is not there", nearest="infra/x.yaml"), {}, "the nearest is infra/x.yaml"),
        (Document(ENTRY, absent="is not UTF-8: byte 0xff on line 3"), {}, "is not UTF-8: byte 0xff on line 3"),
        (None, {"docker-compose.yml": DEFAULT}, "the nearest are docker-compose.yml"),
        (None, {}, "nothing like it is there"),
    ],
)
def test_an_absent_file_says_what_is_nearest(absent: Document | None, nearest: dict[str, str], expected: str) -> None:
    from blueprint.compose import read_compose

    model = read_compose(lambda path: absent if path == ENTRY else nearest.get(path), ENTRY, {}, paths=nearest)
    for clause, rule in RULES.items():
        findings = rule(model)
        assert len(findings.found) == 1, clause
        assert expected in findings.found[0].what
        assert findings.found[0].place.file == ENTRY


def test_a_variable_that_must_be_set_is_no_fault_and_is_empty() -> None:
    model = model_of("""\
        services:
          a:
            image: example/a:${TAG:?which}
            container_name: ${NAME:?how}
            ports: ["${PORT:?where}:80"]
            environment: {URL: "http://${HOST?who}:80", KEY: "${KEY:?}"}
        """)
    assert not model.faults
    assert model.services["a"].image == "example/a:"
    assert model.services["a"].environment["URL"].text == "http://:80"
    assert not RULES["CMP-007"](model).found
    assert not RULES["CMP-017"](model).found


def test_a_bomb_of_aliases_is_defused() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    model = model_of("\n".join(rows))
    assert f"holds more than {LARGEST:,} values" in model.faults[0].what


def test_a_chain_of_aliases_is_cut() -> None:
    rows = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 400))]
    assert "once its aliases are followed" in model_of("\n".join(rows)).faults[0].what


HOSTILE = {
    "a long word with points": ("services: {a: {image: 'a:1', environment: {A: '" + "a." * 200_000 + "'}}}\n", {}),
    "a long word": ("services: {a: {image: 'a:1', environment: {A: '" + "aB3" * 200_000 + "'}}}\n", {}),
    "a long script": ("services: {a: {image: 'a:1', healthcheck: {test: '" + "a;|&" * 50_000 + "'}}}\n", {}),
    "a long program": (
        "services: {a: {image: 'a:1', healthcheck: {test: 'python -c import " + "a " * 50_000 + "!'}}}\n",
        {},
    ),
    "many references": ("services: {a: {image: 'a:1', environment: {A: '" + "${A:-${A:-x}}" * 10_000 + "'}}}\n", {}),
    "references that nothing closes": (
        "services: {a: {image: 'a:1', environment: {A: '" + "${A:-" * 50_000 + "'}}}\n",
        {},
    ),
    "quotes that nothing closes": ("services: {a: {image: 'a:1', env_file: e}}\n", {"infra/e": 'A="x\n' * 20_000}),
    "includes that double": (
        "include: [l0, l0]\nservices: {a: {image: 'a:1'}}\n",
        {f"infra/l{n}": f"include: [l{n + 1}, l{n + 1}]\nservices: {{a: {{image: 'a:1'}}}}\n" for n in range(40)},
    ),
    "long ranges of ports": (
        "services: {a: {image: 'a:1', ports: ['1-65535:1-65535', '1-60000:1-60000', '1-65535']}}\n",
        {},
    ),
    "extensions of many": (
        "services:\n" + "".join(f"  s{n}: {{extends: {{file: b, service: s{n}}}}}\n" for n in range(100)),
        {
            "infra/b": "services:\n"
            + "".join(f"  s{n}: {{image: 'a:1', depends_on: [s{n // 2}]}}\n" for n in range(100))
        },
    ),
}


@pytest.mark.parametrize(("text", "files"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_meant_to_take_for_ever_ends(text: str, files: dict[str, str]) -> None:
    model = model_of(text, files=files)
    for rule in RULES.values():
        rule(model)
    assert model.services


def test_a_default_within_defaults_is_followed_so_far() -> None:
    text = "${A:-" * 500 + "x" + "}" * 500
    assert "is no substitution" in model_of(f"{DEFAULT}x-a: '{text}'\n").faults[0].what


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("22:22", "22:22"), ("~", None), ("0777", 511), ("0o17", 15), ("08", 8),
        ("1_000", 1000), ("-0x1F", -31), ("0b11", 3), ("1e3", 1000.0), (".5", 0.5), ("True", True), ("tRue", "tRue"),
        ("9" * 5000, float("inf")), ("9" * 20, 1e20), ("0x_", "0x_"), ("0o9", "0o9"), ("1.2.3", "1.2.3"), ("-", "-"),
        ("2001-01-01", "2001-01-01 00:00:00 +0000 UTC"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_compose(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (1.10, "1.1"), (123456789.5, "1.234567895e+08"), (1e-05, "1e-05"), (True, "true"), (None, "")],
)
def test_values_are_written_as_compose_writes_them(value: float | None, text: str) -> None:
    assert written(value) == text


def test_a_value_keeps_the_line_of_its_key_through_anchors_and_merges() -> None:
    model = model_of(
        """\
        x-a: &a
          image: example/a:1.0
          environment:
            A: 1
        services:
          s:
            <<: *a
            profiles: [default]
          t:
            image: example/t:1.0
            environment: *own
        """.replace("*own", "{<<: {B: 2}, C: 3}")
    )
    assert model.services["s"].place("environment", "A").line == 4
    assert model.services["s"].place("image").line == 2
    assert str(model.services["s"].place("profiles")) == f"{ENTRY}:8 services.s.profiles"
    assert str(model.services["s"].place("healthcheck", "test")) == f"{ENTRY}:6 services.s.healthcheck.test"


def test_byte_order_mark_and_line_ends_of_windows_are_read() -> None:
    model = model_of("\ufeff" + DEFAULT.replace("\n", "\r\n") + "x-a: 1\r\nx-b: 2\r\n")
    assert not model.faults
    assert list(model.services) == ["a"]


def test_a_selection_has_what_its_profiles_start_and_what_has_none() -> None:
    model = model_of("""\
        services:
          always: {image: example/a:1.0, environment: {ON: "${COMPOSE_PROFILES:-}"}}
          one: {image: example/a:1.0, profiles: [one]}
          both: {image: example/a:1.0, profiles: [one, two]}
        """)
    on = {selection.name: set(selection.services) for selection in model.selections}
    assert on == {
        "no profile": {"always"},
        "one": {"always", "one", "both"},
        "two": {"always", "both"},
        "one+two": {"always", "one", "both"},
    }
    values = {one.name: one.services["always"].environment["ON"].text for one in model.selections}
    assert values == {"no profile": "", "one": "one", "two": "two", "one+two": "one,two"}


def test_many_profiles_do_not_make_too_many_selections() -> None:
    services = "".join(f"  s{n}: {{image: example/s:1.0, profiles: [p{n}]}}\n" for n in range(30))
    model = model_of(f"services:\n{services}")
    assert len(model.selections) == 1 + 30 + 30 * 29 // 2 + 1
    assert not RULES["CMP-007"](model).unexamined


def test_our_own_file_has_sixteen_selections() -> None:
    assert len(our_model().selections) == 16


@pytest.mark.parametrize("sample", sorted(path.name for path in (ROOT / "tests/samples/compose").iterdir()))
def test_no_line_that_is_lost_doubled_or_moved_breaks_reader_or_rules(sample: str) -> None:
    folder = ROOT / "tests/samples/compose" / sample
    beside = {f"infra/{path.relative_to(folder)}": path.read_text() for path in folder.rglob("*") if path.is_file()}
    lines = beside.pop("infra/stack.yaml").splitlines(keepends=True)
    for at in range(len(lines)):
        for put in ([], [lines[at]] * 2, ["  " + lines[at]], [lines[at].replace(":", "")], ["- " + lines[at].strip()]):
            model = model_of("".join([*lines[:at], *put, *lines[at + 1 :]]), files=beside)
            for rule in RULES.values():
                rule(model)


def test_env_files_are_read_as_compose_reads_them() -> None:
    text = "A=1\nB=\"${A}\\n\"\nexport C='$A' # c\n# D=1\nE\nF: f\nG=\nH=a # b\nI='two\nlines'\nJ=${\n"
    found = {one.name: (one.value, one.line) for one in assignments(text, {"E": "outside"})}
    assert found == {
        "A": ("1", 1), "B": ("1\n", 2), "C": ("$A", 3), "E": ("outside", 5), "F": ("f", 6), "G": ("", 7), "H": ("a", 8),
        "I": ("two\nlines", 9), "J": ("${", 11),
    }  # fmt: skip


def test_documents_are_counted_to_the_end() -> None:
    assert read_yaml("a: 1\n---\nb: 2\n", "f").whole
    assert not read_yaml("a: 1\n---\nb: [\n", "f").whole
