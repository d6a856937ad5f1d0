"""What is asked inside a container comes whole, or is asked again."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from blueprint.trouble import Trouble
from provision.processes import Completed
from provision.waiting import Deadline, WaitedTooLong
from worlds import messaging
from worlds.compose import ComposeProject
from worlds.messaging import Messaging
from worlds.probes.inside import _NEXT, facts
from worlds.stack import ComposeStack
from worlds.whole_output import END, in_container, whole

CONTAINER: dict[str, Any] = {"Id": "some-id", "HostConfig": {}, "Config": {}}


class Answers:
    """Answers of an engine, one a call, the last again and again; what was run is kept."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.ran: list[Sequence[str]] = []

    def __call__(self, argv: Sequence[str] = ()) -> Completed:
        """The next answer."""
        self.ran.append(argv)
        code, stdout = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Completed(tuple(argv), code, stdout, "", 0.0)


def test_output_that_was_lost_is_asked_for_again() -> None:
    """An engine that says that all went well, and lost the output, is asked once more; the mark is taken off."""
    engine = Answers((0, ""), (0, f"half{END[:2]}"), (0, f"x\n{END}"))
    assert whole(engine).stdout == "x\n"
    assert len(engine.ran) == 3


def test_a_program_that_fails_is_asked_once() -> None:
    """A failure is an answer, with the mark or without."""
    for stdout in ("", f"no such topic\n{END}"):
        engine = Answers((1, stdout))
        done = whole(engine)
        assert (done.exit_code, done.stdout, len(engine.ran)) == (1, stdout.removesuffix(END), 1)


def test_a_shell_writes_the_mark_and_keeps_the_exit_code() -> None:
    """The marked command, run by this machine's shell instead of one in a container."""
    from provision.processes import run

    for program, code, said in (("echo x", 0, "x\n"), ("echo y; false", 1, "y\n"), ("printf z", 0, "z")):
        words = in_container("id", ["sh", "-c", program])
        assert words[:3] == ["docker", "exec", "id"]
        done = run(words[3:], check=False, timeout=60)
        assert (done.exit_code, done.stdout) == (code, f"{said}{END}")


LOOKS = (
    "Name:\tpython\nUid:\t0\t10001\n",
    "NoNewPrivs:\t1\n",
    "overlay / overlay ro 0 0\n",
    "  0: 00000000:1F4A 00000000:0000 0A\n",
)
"""What /proc of a container says, in the order in which it is asked."""


def test_facts_from_inside_are_asked_for_until_they_are_whole() -> None:
    """A look that came back without its end is looked again."""
    said = "".join(f"{look}{_NEXT}" for look in LOOKS)
    engine = Answers((0, said[:-9]), (0, f"{said}{END}"))
    seen = facts(CONTAINER, engine)
    assert (seen["users"], seen["root_options"], seen["listening"]) == ({"python": 10001}, ["ro"], [0x1F4A])
    first, second = (str(argv[-1]) for argv in engine.ran)
    assert first == second
    assert END in first


@pytest.mark.parametrize("answered", range(len(LOOKS)))
def test_a_container_that_answers_less_than_it_was_asked_tells_why(answered: int) -> None:
    """What a wrapper of the shell swallows is said to be missing, and no fact is made of the rest."""
    said = "".join(f"{look}{_NEXT}" for look in LOOKS[:answered])
    seen = facts(CONTAINER, Answers((0, f"{said}{END}")))
    assert seen["error"] == f"of 4 looks at /proc only {answered} answered"
    assert "users" not in seen


def answering(**answers: Sequence[str]) -> Messaging:
    """A stack whose services answer like that, by name; one answer a question, the last again and again."""
    left = {service.replace("_", "-"): list(said) for service, said in answers.items()}

    def inside(service: str, argv: Sequence[str]) -> Completed:
        said = left[service]
        return Completed(tuple(argv), 0, said.pop(0) if len(said) > 1 else said[0], "", 0.0)

    recorder = SimpleNamespace(look=lambda _target, _asked, act: SimpleNamespace(seen=act()))
    return Messaging(cast("ComposeStack", SimpleNamespace(project=SimpleNamespace(inside=inside), recorder=recorder)))


VERSIONS = 'HTTP/1.0 200 OK\r\nHost: x\r\n\r\n[{"subject": "x-value", "version": 1}]'


@pytest.mark.parametrize(
    "not_yet", ["HTTP/1.0 503 Busy\r\nHost: x\r\n\r\n{}", "", 'HTTP/1.0 200 OK\r\nHost: x\r\n\r\n[{"subject":']
)
def test_a_registry_that_cannot_answer_is_asked_again(not_yet: str) -> None:
    """It does not say that nobody registered a schema."""
    assert answering(schema_registry=[not_yet, not_yet, VERSIONS]).subjects(1) == ["x-value"]


def test_a_registry_that_knows_no_such_schema_is_believed() -> None:
    assert answering(schema_registry=["HTTP/1.0 404 Not Found\r\nHost: x\r\n\r\n{}", VERSIONS]).subjects(1) == []


def test_a_registry_that_never_answers_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messaging, "REGISTRY_ANSWERS", Deadline("an answer of the schema registry", 0.1))
    with pytest.raises(WaitedTooLong, match=r"(?s)an answer of the schema registry.*503"):
        answering(schema_registry=["HTTP/1.0 503 Busy\r\nHost: x\r\n\r\n{}"]).subjects(1)


def test_a_tool_of_the_broker_that_failed_is_run_again() -> None:
    """Neither counts that did not come nor records that did not come say that a topic is empty."""
    value = b"\x00\x00\x00\x00\x01" + b"{}"
    told = [base64.b64encode(b"s\x1f" + value + b"\x1e\x1f\x1e\x1f").decode(), ""]
    kafka = ["", "in:0:1\nin.dlq:0:0\n", told[1], told[0]]
    (record,) = answering(kafka=kafka, schema_registry=[VERSIONS]).records(["in"], "s")
    assert (record.topic, record.schema, record.subjects) == ("in", 1, ("x-value",))


def test_a_service_without_a_container_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = ComposeProject(tmp_path, "p", {}, print)
    monkeypatch.setattr(ComposeProject, "inspect", lambda *_: [])
    with pytest.raises(Trouble, match="kafka has no container"):
        project.inside("kafka", ["true"])
