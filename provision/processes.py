"""Starting programs. The only module that does.

Every child gets a session of its own: Ctrl-C in a terminal reaches us alone, and we end the child's whole group.
Arguments stand in messages: a secret travels in the environment or on standard input.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from blueprint.trouble import Trouble
from provision.streams import lines
from provision.waiting import Deadline, WaitedTooLong

TAIL = 40  # lines of a failed program's output that its message shows
GRACE = 10.0  # seconds that a child has between SIGTERM and SIGKILL
_daemons: list[subprocess.Popen[bytes]] = []  # kept, so that a living one is not reported as leaked when collected


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has ended."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def command(self) -> str:
        """The command as a shell would take it."""
        return shlex.join(self.argv)


class ProgramFailed(Trouble):
    """A program ended with another exit code than 0. ``completed`` has all of its output."""

    def __init__(self, completed: Completed, *, why: str = "", next_command: str = "") -> None:
        self.completed = completed
        reason = why or f"exit code {completed.exit_code}"
        parts = [f"`{completed.command}` failed: {reason}, after {completed.seconds:.1f} s"]
        parts += [
            f"  {name}:\n{_indented(text)}"
            for name, text in (("stdout", completed.stdout), ("stderr", completed.stderr))
            if text.strip()
        ]
        super().__init__("\n".join(parts), next_command=next_command)


class ProgramTimedOut(ProgramFailed):
    """A program did not end in time and was ended, with all that it had started in its group."""


def run(  # noqa: PLR0913 - by keyword, each as subprocess.run has it
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    input: str | bytes | None = None,  # noqa: A002 - the name that subprocess.run has for it
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    next_command: str = "",
) -> Completed:
    """Run a program to its end.

    Args:
        argv: the program and its arguments; no shell.
        env: added to our environment; None takes a variable away.
        cwd: where it runs.
        timeout: seconds until it is ended.
        input: what it reads on standard input.
        check: raise when its exit code is not 0.
        on_line: is given each line of its output as it comes, in our thread; what it raises ends the program.
        next_command: what a failure tells the reader to type.

    Raises:
        Trouble: the program or the folder is not there, or cannot be executed.
        ProgramTimedOut: it did not end in time; whatever ``check`` is.
        ProgramFailed: its exit code is not 0.
    """
    words = tuple(str(word) for word in argv)
    started = time.monotonic()
    process = _popen(words, env, cwd, stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL)
    kept: dict[str, list[str]] = {"stdout": [], "stderr": []}

    def completed() -> Completed:
        code = process.returncode
        return Completed(words, code, "".join(kept["stdout"]), "".join(kept["stderr"]), time.monotonic() - started)

    try:
        for name, line in _output(process, input, None if timeout is None else started + timeout):
            kept[name].append(line)
            if on_line:
                on_line(line.rstrip("\n"))
        process.wait(None if timeout is None else max(0.0, started + timeout - time.monotonic()))
    except (subprocess.TimeoutExpired, TimeoutError):
        _end_group(process)
        raise ProgramTimedOut(completed(), why=f"not done after {timeout:g} s", next_command=next_command) from None
    except BaseException:
        _end_group(process)
        raise
    if check and process.returncode:
        raise ProgramFailed(completed(), next_command=next_command)
    return completed()


class Running:
    """A program in the foreground of something else, such as ``docker compose up`` or a port-forward.

    Its output goes to a file; leaving the ``with`` ends its whole group.
    """

    def __init__(self, process: subprocess.Popen[bytes], argv: tuple[str, ...], log: Path, *, keep_log: bool) -> None:
        self._process = process
        self._keep_log = keep_log
        self.argv = argv
        self.log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if not self._keep_log:
            self.log.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """Its process id, which is the id of its group too."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has written so far, on both streams, in order."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole group, as a terminal does; nothing happens where it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def wait(self, deadline: Deadline) -> int:
        """Its exit code once it ends; WaitedTooLong, with its last lines, where it still runs at the deadline."""
        try:
            return self._process.wait(deadline.seconds)
        except subprocess.TimeoutExpired:
            raise WaitedTooLong(
                f"waited {deadline.seconds:g} s for {deadline.name}; `{shlex.join(self.argv)}` still runs:\n"
                f"{_indented(self.output)}"
            ) from None

    def stop(self, grace: float = GRACE) -> int:
        """End its group, gently at first, and return the exit code."""
        return _end_group(self._process, grace)


def start(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> Running:
    """Start a program that runs beside us; use it in a ``with``.

    Arguments and errors are those of :func:`run`; ``log`` is where its output goes and stays, a temporary file when
    None.
    """
    words = tuple(str(word) for word in argv)
    path = log or _temporary_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as output:
            process = _popen(words, env, cwd, stdout=output, stderr=subprocess.STDOUT)
    except Trouble:
        if log is None:
            path.unlink()
        raise
    return Running(process, words, path, keep_log=log is not None)


def daemonise(argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str | None] | None = None) -> int:
    """Start a program that outlives us, and return its process id.

    It holds none of our streams, so that whoever reads our output through a pipe sees its end. Arguments and errors
    are those of :func:`run`; its output is appended to ``log``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = _popen(tuple(str(word) for word in argv), env, Path("/"), stdout=output, stderr=subprocess.STDOUT)
    _daemons.append(process)
    return process.pid


def has_ended(pid: int) -> bool:
    """Whether a program that this very process made a daemon has ended; reaps it."""
    return any(process.pid == pid and process.poll() is not None for process in _daemons)


def _popen(  # noqa: PLR0913 - by keyword, each as subprocess.Popen has it
    words: tuple[str, ...],
    env: Mapping[str, str | None] | None,
    cwd: Path | None,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    if cwd is not None and not cwd.is_dir():
        raise Trouble(f"`{words[0]}` cannot run in {cwd}: no such folder")
    _let_children_be_interrupted()
    merged = {name: value for name, value in {**os.environ, **(env or {})}.items() if value is not None}
    try:
        return subprocess.Popen(
            words, env=merged, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
    except FileNotFoundError:
        raise Trouble(f"the program `{words[0]}` is not on this machine", next_command="nox -s host") from None
    except OSError as error:
        raise Trouble(f"the program `{words[0]}` cannot be executed: {error.strerror}") from None


def _let_children_be_interrupted() -> None:
    """Where SIGINT is ignored, as in a job that a script put into the background, disregard it instead.

    A child inherits what is ignored, and a shell cannot even trap it; what is handled, it starts without.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)


def _output(process: subprocess.Popen[bytes], fed: str | bytes | None, end: float | None) -> Iterator[tuple[str, str]]:
    if process.stdin is not None:
        threading.Thread(target=_feed, args=(process.stdin, fed or b""), daemon=True).start()
    streams = {"stdout": process.stdout, "stderr": process.stderr}
    return lines(streams, lambda: process.poll() is not None, end)


def _feed(stream: IO[bytes], fed: str | bytes) -> None:
    with contextlib.suppress(BrokenPipeError), stream:
        stream.write(fed.encode() if isinstance(fed, str) else fed)


def _end_group(process: subprocess.Popen[bytes], grace: float = GRACE) -> int:
    """SIGTERM to the child's group, SIGKILL to what is left of it after the grace; returns the exit code."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        os.killpg(process.pid, signal.SIGKILL)  # the child, or what it left behind in its group
    return process.wait()


def _temporary_file() -> Path:
    handle, name = tempfile.mkstemp(prefix="soma-verify-", suffix=".log")
    os.close(handle)
    return Path(name)


def _indented(text: str) -> str:
    lines = text.rstrip().splitlines()
    cut = [f"    … {len(lines) - TAIL} lines before"] if len(lines) > TAIL else []
    return "\n".join(cut + [f"    {line}" for line in lines[-TAIL:]])
