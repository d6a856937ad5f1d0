"""What is asked inside a container comes whole, or is asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from provision.processes import Completed
from worlds.messaging import END, Messaging
from worlds.probes.inside import ASKED, answered
from worlds.stack import ComposeStack


@dataclass
class Project:
    """Answers of an engine, one a call; what was run is kept."""

    answers: list[tuple[int, str]]
    ran: list[Sequence[str]] = field(default_factory=list)
    name: str = "project"

    def inspect(self, service: str) -> list[dict[str, Any]]:
        """One container."""
        return [{"Id": f"id-of-{service}"}]

    def execute(self, argv: Sequence[str]) -> Completed:
        """The next answer."""
        self.ran.append(argv)
        code, stdout = self.answers.pop(0)
        return Completed(tuple(argv), code, stdout, "", 0.0)


@dataclass
class Stack:
    """As much of a stack as is asked."""

    project: Project


def ask(*answers: tuple[int, str]) -> tuple[Completed, Project]:
    """What comes of these answers, in turn."""
    project = Project(list(answers))
    return Messaging(cast("ComposeStack", Stack(project)))._inside("kafka", ["echo", "x"]), project  # noqa: SLF001 - the seam


def test_output_that_was_lost_is_asked_for_again() -> None:
    """An engine that says that all went well, and lost the output, is asked once more; the mark is taken off."""
    done, project = ask((0, ""), (0, f"half{END[:2]}"), (0, f"x\n{END}"))
    assert done.stdout == "x\n"
    assert len(project.ran) == 3
    assert project.ran[0][:3] == ["docker", "exec", "id-of-kafka"]


def test_a_program_that_fails_is_asked_once() -> None:
    """A failure is an answer, with the mark or without."""
    for stdout in ("", f"no such topic\n{END}"):
        done, project = ask((1, stdout))
        assert (done.exit_code, done.stdout, len(project.ran)) == (1, stdout.removesuffix(END), 1)


def test_silence_from_inside_is_asked_again() -> None:
    """A look that came back empty is looked again, a failure is not, and silence that stays is silence."""
    for answers, wanted in (
        ([(0, ""), (0, "Uid:\t10001")], 2),
        ([(1, "")], 1),
        ([(0, "")] * ASKED, ASKED),
    ):
        project = Project(list(answers))
        done = answered(project.execute, ["cat"])
        assert (len(project.ran), done.stdout) == (wanted, answers[-1][1])
