"""A port of this machine that leads into a cluster, by `kubectl port-forward`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from blueprint.trouble import Trouble
from provision.processes import Running, start
from provision.waiting import Deadline, until

POD_SECONDS = 20
"""Seconds that a pod may take to run: one that does not is told, instead of waited for."""
FORWARDED = Deadline("the port-forward to listen", 40)


@contextmanager
def forwarding(kubectl: Sequence[str | Path], target: str, port: int, env: Mapping[str, str]) -> Iterator[int]:
    """Forward to one pod, for as long as the ``with`` lasts.

    Args:
        kubectl: the program, and the words that lead it to a cluster and a namespace.
        target: e.g. ``svc/gateway``.
        port: of the target.
        env: of the program.

    Raises:
        Trouble: it ended, e.g. because no pod of the Service runs.
        WaitedTooLong: it does not listen.
    """
    words = ("port-forward", f"--pod-running-timeout={POD_SECONDS}s", target, f":{port}")
    with start([*kubectl, *words], env=env) as running:
        yield until(lambda: _listening(running, target), lambda found: found > 0, FORWARDED)


def _listening(running: Running, target: str) -> int:
    """The port that a port-forward listens on; 0 where it does not yet.

    Raises:
        Trouble: it has ended.
    """
    if running.poll() is not None:
        raise Trouble(f"the port-forward to {target} ended: {running.output.strip()}")
    found = re.search(r"Forwarding from 127\.0\.0\.1:(\d+)", running.output)
    return int(found[1]) if found else 0
