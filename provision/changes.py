"""What `nox -s host` changed on a machine, written down before each change, so that it can be put back."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blueprint.trouble import Trouble
from provision.network_traces import Traces

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Changes:
    """The machine as it was, as far as we change it.

    Attributes:
        packages: those that we install, in the names of apt's own simulation.
        absent: what an engine leaves behind and was not there, by :func:`provision.leavings.absent`.
        boot: identity of the boot that ``traces`` is about; a reboot puts the network back by itself.
        traces: the network before our engine started.
    """

    packages: tuple[str, ...]
    absent: tuple[str, ...]
    boot: str
    traces: Traces


def boot_id() -> str:
    """The identity of this boot of the machine."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


def read(path: Path) -> Changes | None:
    """What was written down, None where nothing was.

    Raises:
        Trouble: the file cannot be read as what it should be.
    """
    if not path.exists():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        traces = document.pop("traces")
        return Changes(
            packages=tuple(document["packages"]),
            absent=tuple(document["absent"]),
            boot=document["boot"],
            traces=Traces(traces["sysctls"], tuple(traces["links"]), traces["rules"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Trouble(
            f"the list of what was changed on this machine is damaged ({error}); nothing is put back by guesswork",
            where=str(path),
            next_command=f"less {path}",
        ) from None


def write(path: Path, changes: Changes) -> None:
    """Write it down, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(changes), indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
