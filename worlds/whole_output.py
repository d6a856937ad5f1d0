"""The whole output of a program in a container, though the engine may lose some of it.

Engine 20.10 now and then loses what a program wrote that ends at once, and says that it ended well. So the program
writes a mark last, and where the mark is missing it is run again: whatever is asked this way may be asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from provision.processes import Completed
from provision.waiting import Deadline, until

END = "\x04whole\x04"
"""What is written after the output of a program."""
WHOLE_OUTPUT = Deadline("the whole output of a program in a container", 60)
_THEN_MARK = f"; code=$?; printf '{END}'; exit $code"


def marked(program: str) -> str:
    """The same as a line for a shell in the container, with the mark behind what it writes."""
    return f"{{ {program}\n}}{_THEN_MARK}"


def in_container(container: str, argv: Sequence[str]) -> list[str]:
    """The command that runs a program in a container and has it write the mark."""
    return ["docker", "exec", container, "sh", "-c", marked('"$@"'), "sh", *argv]


def whole(run: Callable[[], Completed]) -> Completed:
    """What a marked program answered, without the mark; run again until all of it has come.

    Raises:
        WaitedTooLong: its end never came.
    """
    done = until(run, is_whole, WHOLE_OUTPUT)
    return replace(done, stdout=done.stdout.removesuffix(END))


def is_whole(done: Completed) -> bool:
    """Whether all that a program wrote has come, or it could not be run at all."""
    return done.stdout.endswith(END) or done.exit_code != 0
