"""CFG-001, live: in the running services each variable changes its field, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blueprint.evidence import Finding, Findings, Place
from blueprint.live import table
from blueprint.settings_tree import Setting

_ANY = ("http://verify.invalid:1", "verify.invalid:1", "STAGING", "ERROR", "kafka,observability", "7", "true", "false")
"""Values out of which a field of any type takes one."""


def candidates(settings: Sequence[Setting]) -> dict[str, tuple[str, ...]]:
    """Values to try for each variable: the default plus one where it is a number, and else what any field may take."""
    return {
        variable: ((str(round(float(each.default)) + 1),) if _is_number(each.default) else ()) + _ANY
        for each in settings
        for variable in each.variables
    }


def aliases(settings: Sequence[Setting]) -> dict[str, tuple[str, ...]]:
    """The variables of the same field, by variable."""
    return {variable: each.variables for each in settings for variable in each.variables}


def settings_of(rendered: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The variables that charts set for each workload, by its name: those of the ConfigMaps that its container takes.

    Args:
        rendered: what helm made of the charts, by kind and name.
    """
    given = {}
    for name, one in rendered.items():
        if name.startswith(("deployment/", "statefulset/")):
            containers = one["spec"]["template"]["spec"]["containers"]
            taken = [source.get("configMapRef", {}).get("name") for each in containers for source in _from(each)]
            data = [table(table(rendered.get(f"configmap/{config}")).get("data")) for config in taken if config]
            if data:
                given[name] = frozenset(map(str, (key for each in data for key in each)))
    return given


def _from(container: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = container.get("envFrom") or ()
    return found


def idle_variables(
    settings: Sequence[Setting], seen: Mapping[str, object], given: Mapping[str, frozenset[str]], running: Sequence[str]
) -> Findings:
    """Variables that change no field of a running service, or another one; and variables that did not reach it.

    Args:
        settings: fields and variables, as the syntax tree has them.
        seen: what the probe saw, by service.
        given: the variables that Compose file or charts set, by service.
        running: the services that must be asked.
    """
    found: list[Finding] = []
    examined = []
    for service, told in seen.items():
        answer = table(told)
        if answer.get("error"):
            found.append(_finding(service, f"cannot be asked for its settings: {answer['error']}"))
            continue
        examined.append(service)
        found += _idle(service, settings, table(answer.get("variables")))
        arrived = set(map(str, answer.get("given", ())))
        found += [
            _finding(service, f"was not given {name}, which is set for it")
            for name in sorted(given.get(service, frozenset()) - arrived)
        ]
    count = sum(len(each.variables) for each in settings)
    observed = f"{count} variables change their {len(settings)} fields in {len(examined)} running services"
    return Findings.of(examined, running, found, observed)


def _idle(service: str, settings: Sequence[Setting], seen: Mapping[str, Any]) -> Iterator[Finding]:
    for each in settings:
        for variable in each.variables:
            told = table(seen.get(variable))
            changed = [str(name) for name in told.get("changed", ())]
            if changed != [each.name]:
                what = f"{variable} changes {', '.join(changed) or 'nothing'}, not {each.name}"
                told_why = f" ({told['error']})" if told.get("error") else ""
                yield _finding(service, what + told_why)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _finding(service: str, what: str) -> Finding:
    return Finding(what, Place(key=service), "give the field the alias under which it is set")
