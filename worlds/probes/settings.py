"""What the settings of a running service make of each variable, found out inside its container."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from blueprint.evidence import JSON
from provision.processes import Completed

_PROBE = """
import json, os, sys
from common.config.settings import Settings

given = dict(part.split("=", 1) for part in open("/proc/1/environ").read().split(chr(0)) if "=" in part)

def made(environment):
    os.environ.clear()
    os.environ.update(environment)
    return Settings().model_dump(mode="json")

told, variables, found = made(given), json.loads(sys.argv[1]), {}
for variable, candidates in variables.items():
    changed, error = [], ""
    for candidate in candidates:
        others = {name: value for name, value in given.items() if name not in json.loads(sys.argv[2])[variable]}
        try:
            after = made({**others, variable: candidate})
        except ValueError as trouble:
            error = str(trouble).splitlines()[-1][:100]
            continue
        changed = sorted(name for name in after if after[name] != told.get(name))
        if changed:
            break
    found[variable] = {"changed": changed, "error": "" if changed else error}
print(json.dumps({"given": sorted(given), "variables": found}))
"""

Inside = Callable[[str, Sequence[str]], Completed]
"""Runs a program in the container of a service."""


def effects(
    inside: Inside, service: str, candidates: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]
) -> dict[str, JSON]:
    """Which fields change when a variable is set to the first of some values that is taken.

    The environment is the one that the service's own process was given; no value of it leaves the container.

    Args:
        inside: runs a program in the container.
        service: whose container.
        candidates: values to try, by variable.
        others: the variables of the same field, by variable; they are taken away meanwhile.
    """
    done = inside(service, ["python", "-c", _PROBE, json.dumps(dict(candidates)), json.dumps(dict(others))])
    try:
        told: JSON = json.loads(done.stdout)
    except ValueError:
        return {"error": (done.stderr or done.stdout).strip()[-300:]}
    return told if isinstance(told, dict) else {"error": "no answer"}
