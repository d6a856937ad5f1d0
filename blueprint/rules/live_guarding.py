"""CFG-005 and CFG-006 in a cluster: agents that bring secrets, and a policy that denies; from observations alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from blueprint.evidence import Finding, Findings, Place
from blueprint.live import table
from blueprint.live_guarding import Beside, Denials, Rotation

OK = 200
FORBIDDEN = 403
AGENT = "vault-agent"
"""The container that the injector adds, and with -init the one that runs first."""
POLICY = "opa"


def missing_containers(pods: Mapping[str, Beside], wanted: Mapping[str, Collection[str]]) -> Findings:
    """Pods without a container that has to stand beside the service, or with one that is not ready.

    Args:
        pods: by name.
        wanted: names of the containers, by service; the population.
    """
    found = [
        _finding(name, f"has {container} {'not ready' if container in pod.containers else 'not'}")
        for name, pod in pods.items()
        for container in wanted.get(pod.service, ())
        if not pod.containers.get(container)
    ]
    found += [
        _finding(name, f"did not begin with {AGENT}-init")
        for name, pod in pods.items()
        if AGENT in wanted.get(pod.service, ()) and f"{AGENT}-init" not in pod.before
    ]
    examined = {pod.service for pod in pods.values()}
    return Findings.of(examined, wanted, found, f"{len(pods)} pods with all that has to stand beside the service")


def differing_secrets(seen: Mapping[str, Any], services: Collection[str]) -> Findings:
    """Files in pods that do not hold what Vault has.

    Args:
        seen: ``file`` and ``vault`` by service.
        services: those that have a secret; the population.
    """
    found = []
    for service, pair in seen.items():
        file, vault = table(pair).get("file"), table(pair).get("vault")
        if not vault:
            found.append(_finding(service, "cannot read its own secret in Vault"))
        elif file != vault:
            found.append(_finding(service, "has a file that does not hold what Vault has" if file else "has no file"))
    return Findings.of(seen, services, found, f"the files of {', '.join(sorted(services))} hold what Vault has")


def stale_secret(seen: Rotation) -> Findings:
    """A rotated secret that does not arrive."""
    found = []
    if seen.status != OK:
        found.append(_finding("vault", f"answers the rotation {seen.status}"))
    elif seen.file != seen.put or seen.put == seen.before:
        which = "still the one before" if seen.file == seen.before else "another one"
        found.append(_finding("pod", f"has not got the rotated secret, {which}"))
    return Findings.of(["rotation"] if seen.put else [], ["rotation"], found, "a rotated secret arrived")


def uninjected_start(seen: Mapping[str, Any]) -> Findings:
    """A pod that needs a secret and is admitted though nobody injects."""
    code, said = seen.get("exit_code"), str(seen.get("said", ""))
    found = []
    if code == 0:
        found.append(_finding("webhook", "lets a pod in without its agent", "failurePolicy: Fail"))
    elif "webhook" not in said:
        found.append(_finding("webhook", f"a pod is refused for another reason: {said}"))
    examined = ["injector"] if code is not None else []
    return Findings.of(examined, ["injector"], found, "without its injector a pod that needs it does not start")


def open_policy(seen: Denials) -> Findings:
    """A message of somebody without the role, or to a gateway without its policy, that is not denied."""
    wanted = {
        "a member": (seen.member, OK),
        "a client without the role": (seen.stranger, FORBIDDEN),
        "the process without opa": (seen.alone, OK),
        "a member without opa": (seen.without_opa, FORBIDDEN),
    }
    found: Iterable[Finding] = [
        _finding(name, f"is answered {answer}, not {status}")
        for name, (answer, status) in wanted.items()
        if answer.status and answer.status != status
    ]
    examined = [name for name, (answer, _) in wanted.items() if answer.status]
    return Findings.of(
        examined, wanted, found, "whoever lacks the role is denied, and everybody where OPA is not there"
    )


def _finding(key: str, what: str, remedy: str = "") -> Finding:
    return Finding(what, Place(key=key), remedy)
