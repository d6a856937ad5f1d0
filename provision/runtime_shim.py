"""An OCI runtime that lets runc work where the machine lacks capabilities, e.g. CAP_SYS_RESOURCE.

A privileged container asks for every capability that the kernel knows; runc fails where one is not in the bounding
set, where an oom_score_adj is negative, and where an rlimit is above the hard one. This takes what cannot be had out
of config.json (create, run) and process.json (exec), then becomes runc.

It is copied out of the tree and starts with every container, with ``-I -S``: standard library only, nothing of ours,
and nothing imported for the commands that need no change.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing costs more time than all else here; type checkers take the name for True
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

RUNTIME = "runc"
# In the order of their bits, as linux/capability.h numbers them.
_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE"
    " NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT"
    " SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL"
    " SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
CAPABILITIES = tuple(f"CAP_{name}" for name in _NAMES.split())
_WITH_VALUE = {"--root", "--log", "--log-format", "--criu", "--rootless"}


def bounding_set(status: str) -> frozenset[str]:
    """The capabilities that a process can have, from the text of its /proc/<pid>/status."""
    bits = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))
    return frozenset(name for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1)


def lacking(status: str, last_capability: int) -> tuple[str, ...]:
    """The capabilities that the kernel knows, up to the last one's bit, and the bounding set lacks."""
    known = CAPABILITIES[: last_capability + 1]
    return tuple(name for name in known if name not in bounding_set(status))


def adapted(process: Mapping[str, Any], bound: frozenset[str], hard_limits: Mapping[str, int]) -> dict[str, Any]:
    """The ``process`` of an OCI config without what cannot be had here.

    Args:
        process: as config.json has it under ``process`` and process.json as a whole.
        bound: capabilities that can be had.
        hard_limits: the hard rlimits in force by their names, e.g. RLIMIT_NOFILE; -1 is unlimited.
    """
    fitting = dict(process)
    if "capabilities" in process:
        fitting["capabilities"] = {
            kind: [name for name in names if name in bound] for kind, names in process["capabilities"].items()
        }
    if (process.get("oomScoreAdj") or 0) < 0:
        fitting["oomScoreAdj"] = 0
    if "CAP_SYS_RESOURCE" not in bound and "rlimits" in process:
        fitting["rlimits"] = [limit for limit in process["rlimits"] if _within(limit, hard_limits)]
    return fitting


def _within(limit: Mapping[str, Any], hard_limits: Mapping[str, int]) -> bool:
    highest = hard_limits.get(limit["type"], -1)
    return highest == -1 or 0 <= limit["hard"] <= highest


def file_to_adapt(arguments: Sequence[str]) -> tuple[str, bool] | None:
    """The file that a runc command line makes runc read, and whether the process is under a key of it.

    None for a command that starts no process, and for an exec that names no file.
    """
    words = list(arguments)
    command = ""
    while words and not command:
        word = words.pop(0)
        if word in _WITH_VALUE and words:
            words.pop(0)
        elif not word.startswith("-"):
            command = word
    if command in {"create", "run"}:
        bundle = _value(words, "bundle", "b") or "."
        return os.path.join(bundle, "config.json"), True  # noqa: PTH118 - pathlib takes longer to import than all else
    if command == "exec" and (path := _value(words, "process", "p")):
        return path, False
    return None


def _value(words: Sequence[str], name: str, letter: str) -> str:
    for position, word in enumerate(words):
        if word in {f"--{name}", f"-{letter}", f"-{name}"}:
            return words[position + 1] if position + 1 < len(words) else ""
        if word.startswith((f"--{name}=", f"-{letter}=")):
            return word.split("=", 1)[1]
    return ""


def rewrite(path: str, *, nested: bool, bound: frozenset[str], hard_limits: Mapping[str, int]) -> None:
    """Adapt the file in place, in one step."""
    import json

    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as above
        config = json.load(file)
    fitting = adapted(config["process"] if nested else config, bound, hard_limits)
    whole = {**config, "process": fitting} if nested else fitting
    draft = f"{path}.soma-verify"
    with open(draft, "w", encoding="utf-8") as file:  # noqa: PTH123 - as above
        json.dump(whole, file)
    os.chmod(draft, os.stat(path).st_mode & 0o7777)  # noqa: PTH101, PTH116 - as above
    os.replace(draft, path)  # noqa: PTH105 - as above


def hard_rlimits() -> dict[str, int]:
    """The hard limits in force, by their OCI names; -1 is unlimited."""
    import resource

    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name))[1] for name in names}


def main() -> None:
    """Adapt what this command line is about, and become runc."""
    if found := file_to_adapt(sys.argv[1:]):
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - as above
            bound = bounding_set(file.read())
        rewrite(found[0], nested=found[1], bound=bound, hard_limits=hard_rlimits())
    os.execvp(RUNTIME, [RUNTIME, *sys.argv[1:]])  # noqa: S606 - becoming runc is all that is left to do


if __name__ == "__main__":
    main()
