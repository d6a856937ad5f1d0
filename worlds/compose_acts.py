"""What is done to a Compose project, and what is seen of it then, as JSON; the recorder keeps that."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

from blueprint.evidence import JSON
from blueprint.live import Answer, BringUp, table
from blueprint.trouble import Trouble
from provision.processes import Completed, Running
from provision.waiting import Deadline
from worlds.compose import UP_ENDS, ComposeProject
from worlds.compose_opening import refuse_taken_ports
from worlds.compose_output import Row, service_of, tail
from worlds.probes.conversation import exchange
from worlds.probes.http import fetch, settled
from worlds.probes.inside import facts

GATEWAY = "http://localhost:8010"
"""Where the blueprint says that the gateway is."""
STACK_HEALTHY = Deadline("every container of the foreground bring-up to be healthy", 600)
HEALTH_TELLS = Deadline("/health to tell what is stopped", 20)
HEALTHY_AGAIN = Deadline("a killed service to be healthy again", 60)
STATUS = {"": "ok", "optional": "degraded", "required": "down"}
"""What /health says by what the stopped service is to the gateway."""


def brought_up(project: ComposeProject, profiles: str) -> dict[str, JSON]:
    """Bring a selection up and wait until it is healthy."""
    refuse_taken_ports(project, profiles)
    done = project.up(profiles)
    return _state(project, profiles, done.exit_code, done.stderr if done.exit_code else "")


def switched(project: ComposeProject, profiles: str) -> dict[str, JSON]:
    """Switch to a selection; containers of what it does not hold are there, and stopped."""
    done = project.switch(profiles)
    seen = _state(project, profiles, done.exit_code, done.stderr if done.exit_code else "")
    chosen = set(project.services(profiles))
    return {
        **seen,
        "containers": [row for row in project.ps() if row["service"] in chosen or row["state"] == "running"],
    }


def ensured(project: ComposeProject, profiles: str) -> dict[str, JSON]:
    """A selection up and healthy, and nothing beside it; brought up where it is not.

    Raises:
        Trouble: it does not come up.
    """
    seen = _state(project, profiles, 0, "")
    if not _is_whole(seen):
        seen = brought_up(project, profiles)
    if not _is_whole(seen):
        raise Trouble(f"{profiles} does not come up: {seen['output'] or seen['containers']}", where=project.name)
    return seen


def brought_up_in_foreground(project: ComposeProject, profiles: str, running: Running) -> dict[str, JSON]:
    """Wait until every container that the foreground command starts is healthy, or until it ends."""
    services = project.services(profiles)

    def look() -> dict[str, JSON]:
        return {"exit_code": running.poll(), "healthy": sum(_is_healthy(row) for row in project.containers())}

    settled(look, lambda seen: seen["healthy"] == len(services) or seen["exit_code"] is not None, STACK_HEALTHY)
    return _state(project, profiles, running.poll(), running.output if running.poll() is not None else "")


def interrupted(project: ComposeProject, profiles: str, running: Running) -> dict[str, JSON]:
    """Send the foreground command what Ctrl-C sends, and wait for its end."""
    running.signal(signal.SIGINT)
    exit_code = running.wait(UP_ENDS)
    return _state(project, profiles, exit_code, running.output)


def health(project: ComposeProject, need: str) -> dict[str, JSON]:
    """What /health and /ready say, once they say what is stopped, or after their time is up."""

    def tells(seen: dict[str, JSON]) -> bool:
        return table(Answer.of(seen["health"]).body).get("status") == STATUS[need]

    seen = settled(
        lambda: {"health": fetch(f"{GATEWAY}/health"), "ready": fetch(f"{GATEWAY}/ready")}, tells, HEALTH_TELLS
    )
    if not tells(seen):
        project.check_engine()
    return seen


def exchanged(project: ComposeProject, text: str, session_id: str) -> dict[str, JSON]:
    """Post a message and follow its events."""
    seen = exchange(GATEWAY, text, session_id)
    if not Answer.of(seen["posted"]).status:
        project.check_engine()
    return seen


def killed(project: ComposeProject, service: str) -> dict[str, JSON]:
    """Kill what runs in a container, and wait for the engine to bring it back."""
    before = _only(project, service)
    started = time.monotonic()
    project.kill_inside(service)
    after = settled(
        lambda: _only(project, service),
        lambda row: _restarts(row) > _restarts(before) and _is_healthy(row),
        HEALTHY_AGAIN,
    )
    return {"before": before, "after": after, "seconds": round(time.monotonic() - started, 1)}


def inside(project: ComposeProject, services: Sequence[str]) -> list[JSON]:
    """Facts about the containers of some services, told from inside."""
    found = {service_of(row): row for row in project.inspect(*services)}
    missing = {"error": "there is no container"}
    return [
        {"service": service, **(facts(found[service], project.execute) if service in found else missing)}
        for service in services
    ]


def taken_down(project: ComposeProject, profiles: str) -> dict[str, JSON]:
    """``down -v``, with what stood before and what stands after."""
    before = project.stock()
    done = project.down(profiles)
    return {"before": before, "after": project.left_of(before), "exit_code": done.exit_code, "output": _said(done)}


def _state(project: ComposeProject, profiles: str, exit_code: int | None, output: str) -> dict[str, JSON]:
    return {
        "profiles": profiles,
        "services": list[JSON](project.services(profiles)),
        "absent": list[JSON](project.absent(profiles)),
        "containers": list[JSON](project.ps()),
        "exit_code": exit_code,
        "output": tail(output),
    }


def _is_whole(seen: dict[str, JSON]) -> bool:
    up = BringUp.of(seen)
    healthy = [container.service for container in up.containers if container.is_healthy]
    return not up.exit_code and sorted(up.services) == healthy and len(healthy) == len(up.containers)


def _only(project: ComposeProject, service: str) -> Row:
    found = project.containers(service)
    if len(found) != 1:
        raise Trouble(f"{service} has {len(found)} containers, not one", where=project.name)
    return found[0]


def _restarts(row: Row) -> int:
    return int(str(row["restarts"]))


def _is_healthy(row: Row) -> bool:
    return row["state"] == "running" and row["health"] == "healthy"


def _said(done: Completed) -> str:
    return tail(done.stdout + done.stderr) if done.exit_code else ""
