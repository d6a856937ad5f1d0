"""What can be wrong with a Compose project that is up, going down, or gone; from observations alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from blueprint.evidence import Finding, Findings, Place
from blueprint.live import Answer, BringUp, Container, Exchange, HealthLook, Inside, Restart, Stock, table

OK = 200
STOPPED_BY_SIGNAL = frozenset({0, 130, 143})
"""Exit codes of a container that ended when it was asked to: 0, or 128 plus SIGINT or SIGTERM."""
KILLED = 137
"""Exit code of a container that did not end in time: 128 plus SIGKILL."""
INTERRUPTED = frozenset({0, 130})
"""Exit codes of ``docker compose up`` when Ctrl-C ended it."""


def unhealthy_containers(up: BringUp) -> Findings:
    """Services of a selection whose container is missing or not healthy, and containers that it does not select."""
    there = {container.service: container for container in up.containers}
    found = [*_failed_command(up)]
    for service in up.services:
        container = there.get(service, Container(service))
        if not container.is_healthy:
            found.append(_finding(service, f"{container.condition} after the bring-up of {up.profiles}"))
    foreign = sorted(set(there) - set(up.services))
    found += [_finding(service, f"has a container, and {up.profiles} does not select it") for service in foreign]
    healthy = sum(container.is_healthy for container in up.containers)
    observed = f"{healthy} of {len(up.services)} containers healthy with {up.profiles}"
    observed += f"; {', '.join(up.absent)} is unavailable here and left out" if up.absent else ""
    # A container that is missing was looked for: it is a finding, not something unexamined.
    return Findings.of(up.services, up.services, found, observed)


def unclean_ends(end: BringUp) -> Findings:
    """What did not end by itself when the bring-up in the foreground was interrupted."""
    found = []
    if end.exit_code not in INTERRUPTED:
        told = f" and said: {end.output}" if end.output else ""
        found.append(_finding("up", f"ended with exit code {end.exit_code} on SIGINT{told}"))
    for container in end.containers:
        if container.state == "running":
            found.append(_finding(container.service, "still runs after the bring-up was interrupted"))
        elif container.exit_code not in STOPPED_BY_SIGNAL:
            remedy = "end on SIGTERM within the grace period" if container.exit_code == KILLED else ""
            found.append(_finding(container.service, f"ended with exit code {container.exit_code}", remedy))
    examined = [container.service for container in end.containers]
    return Findings.of(examined, end.services, found, f"SIGINT ended all {len(examined)} containers cleanly")


def dishonest_health(looks: Sequence[HealthLook], needs: Mapping[str, str], need: str = "") -> Findings:
    """Where /health or /ready says something else than what is running and what is stopped.

    Args:
        looks: with everything running, and with one thing stopped after the other.
        needs: what each component is to the gateway, ``required`` or ``optional``.
        need: of those that had to be stopped; the population is what /health itself names of that kind.
    """
    found = [finding for look in looks for finding in _dishonest(look)]
    named = {name for look in looks if not look.stopped for name in components(look.health)}
    found += [
        _finding("/health", f"names {name}, of which nobody says whether it is required")
        for name in sorted(named - set(needs))
    ]
    population = {name for name in named if needs.get(name) == need} if need else {"/health", "/ready"}
    examined = {look.stopped for look in looks if look.stopped} if need else population
    told = f" and said so with each of {', '.join(sorted(examined))} stopped" if need else ""
    return Findings.of(examined, population, found, f"ok with everything running{told}")


def components(answer: Answer) -> dict[str, str]:
    """The components that a health body names, each with its status."""
    named = table(table(answer.body).get("components"))
    return {name: str(table(component).get("status", "")) for name, component in named.items()}


def _dishonest(look: HealthLook) -> Iterator[Finding]:
    state = f"with {look.stopped} stopped" if look.stopped else "with everything running"
    wanted = {"": "ok", "optional": "degraded", "required": "down"}[look.need]
    said = table(look.health.body).get("status")
    if look.health.is_page:
        yield _finding("/health", f"{state} a single-page app answers it, not the gateway: {look.health}")
    elif said != wanted:
        yield _finding("/health", f"{state} it says {said!r}, not {wanted!r}: {look.health}")
    named = components(look.health)
    if look.stopped and named.get(look.stopped, "ok") == "ok":
        yield _finding("/health", f"{state} it does not say so of {look.stopped}: {look.health}")
    quiet = [name for name, status in named.items() if status != "ok"]
    if not look.stopped and quiet:
        yield _finding("/health", f"{state} it says {', '.join(quiet)} is not ok: {look.health}")
    if look.need != "required" and look.health.status != OK:
        yield _finding("/health", f"{state} it answers {look.health}")
    if (look.ready.status == OK) != (look.need != "required"):
        kind = "ready" if look.ready.status == OK else "not ready"
        yield _finding("/ready", f"{state} it is {kind}: {look.ready}")


def unanswered_message(conversation: Sequence[Exchange], steps: Mapping[str, str]) -> Findings:
    """Messages without an answer, answers without what they had to hold, and services that took no part.

    Args:
        conversation: the messages, in order, with the events that came back.
        steps: event to the service that must have signed it.
    """
    found = [finding for exchange in conversation for finding in _unanswered(exchange)]
    events = [event for exchange in conversation for event in exchange.events]
    for step, service in steps.items():
        signed = {str(event.get("by")) for event in events if event.get("event") == step}
        if service not in signed:
            others = f"; it was signed by {', '.join(sorted(signed))}" if signed else ""
            found.append(_finding(service, f"took no part: no event {step!r} of its{others}"))
    examined = {service for step, service in steps.items() if any(event.get("event") == step for event in events)}
    answers = " / ".join(exchange.answer for exchange in conversation)
    return Findings.of(examined, set(steps.values()), found, f"{', '.join(sorted(examined))} took part: {answers}")


def _unanswered(exchange: Exchange) -> Iterator[Finding]:
    if exchange.posted.status != OK:
        yield _finding("POST /v1/session/message", f"{exchange.text!r} was answered {exchange.posted}")
    elif not exchange.answer:
        last = exchange.events[-1] if exchange.events else "no event"
        yield _finding("events", f"{exchange.text!r} got no answer; last came {last}")
    for word in exchange.wanted:
        if exchange.answer and word not in exchange.answer:
            yield _finding("events", f"{exchange.text!r} was answered {exchange.answer!r}, without {word!r}")


def left_overs(before: Stock, after: Stock, exit_code: int) -> Findings:
    """What stood of a project, or came to stand, and is still there after ``down -v``."""
    found = [] if exit_code == 0 else [_finding("down", f"ended with exit code {exit_code}")]
    kinds = {"containers": before.containers, "networks": before.networks, "ports": before.ports}
    found += [_finding(kind, "the project had none before `down -v`") for kind, names in kinds.items() if not names]
    found += [_finding(name, "is still there after `down -v`") for name in sorted(after.names())]
    there = before.names()
    observed = f"{len(before.containers)} containers, {len(before.networks)} networks, "
    observed += f"{len(before.volumes)} volumes and {len(before.ports)} ports are gone"
    return Findings.of(there, there, found, observed)


def not_restarted(restart: Restart, service: str) -> Findings:
    """A killed service that was not restarted by the engine, or did not become healthy again."""
    before, after = restart.before, restart.after
    found = []
    if after.restarts <= before.restarts:
        found.append(_finding(service, "was not restarted by its policy after its process was killed"))
    elif not after.is_healthy:
        found.append(_finding(service, f"was restarted and is {after.condition}"))
    elif after.started_at == before.started_at:
        found.append(_finding(service, "counts a restart and still runs since before the kill"))
    observed = f"{service} healthy again {restart.seconds:.1f} s after it was killed"
    return Findings.of([before.service], [service], found, observed)


def privileged_containers(seen: Iterable[Inside], running: Iterable[str]) -> Findings:
    """Containers with a root process, a writable root file system, a way to new privileges, or no limits."""
    facts = list(seen)
    population = list(running)
    found = [finding for one in facts for finding in (*rights(one), *_limits(one))]
    examined = [one.service for one in facts if not one.error]
    return Findings.of(examined, population, found, f"{len(examined)} containers without root, limited, read-only")


def rights(inside: Inside) -> Iterator[Finding]:
    """What a container may do that it need not."""
    if inside.error:
        yield _finding(inside.service, f"cannot be looked into: {inside.error}")
        return
    if not inside.users:
        yield _finding(inside.service, "shows no process")
    for process, user in sorted(inside.users.items()):
        if user == 0:
            yield _finding(inside.service, f"runs {process} as root", "user: in the image or the Compose file")
    if "ro" not in inside.root_options:
        yield _finding(inside.service, "has a writable root file system", "read_only: true, and tmpfs where it writes")
    if not inside.no_new_privileges:
        yield _finding(inside.service, "may gain privileges", "security_opt: [no-new-privileges:true]")


def _limits(inside: Inside) -> Iterator[Finding]:
    if inside.error:
        return
    limits = {"memory": inside.memory_limit, "cpu": inside.cpu_limit, "process": inside.pids_limit}
    for name, limit in limits.items():
        if limit <= 0:
            yield _finding(inside.service, f"has no {name} limit", "deploy.resources.limits")


def undeclared_listeners(seen: Iterable[Inside], running: Iterable[str]) -> Findings:
    """Ports that a container listens on and neither its service nor its image declares."""
    facts = list(seen)
    found = [
        _finding(one.service, f"listens on port {port}, which nothing declares", "name it under expose: or ports:")
        for one in facts
        for port in sorted(set(one.listening) - set(one.declared))
    ]
    found += [_finding(one.service, f"cannot be looked into: {one.error}") for one in facts if one.error]
    examined = [one.service for one in facts if not one.error]
    ports = sum(len(one.listening) for one in facts)
    return Findings.of(examined, running, found, f"{ports} listening ports of {len(examined)} containers are declared")


def _failed_command(up: BringUp) -> Iterator[Finding]:
    if up.exit_code:
        told = f": {up.output}" if up.output else ""
        yield _finding("up", f"the bring-up of {up.profiles} ended with exit code {up.exit_code}{told}")


def _finding(key: str, what: str, remedy: str = "") -> Finding:
    return Finding(what, Place(key=key), remedy)
