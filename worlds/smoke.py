"""The smoke test: does a deployment answer, carry, keep and remember; one outcome a check, whatever the others say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from blueprint.evidence import JSON
from blueprint.live import rows, table
from blueprint.trouble import Trouble
from provision.waiting import Deadline
from worlds import components
from worlds.probes import conversation, kafka
from worlds.probes.http import fetch, settled
from worlds.reach import Namespace, inside, listed

GATEWAY_PORT = 8010
HEALTH_SECONDS = 10.0
UNAUTHORISED = 401
TOPICS = (
    *("conversation.inbound", "conversation.outbound", "tool.requests", "tool.results", "memory.wal"),
    *("conversation.inbound.dlq", "conversation.outbound.dlq", "tool.requests.dlq", "tool.results.dlq"),
    *("memory.wal.dlq", "config.updates"),
)
GROUP = "conversation-worker"
QUESTION, ANSWER = components.TEXT, "42"
TOKEN_VARIABLE = "SOMA_TOKEN"  # noqa: S105 - the name of a variable
OK, FAILED, LEFT_OUT = "ok", "FAILED", "left out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one check.

    Attributes:
        name: of the check.
        verdict: ``ok``, ``FAILED``, or ``left out`` where it cannot be made.
        said: what was seen, or why it failed or was left out.
        next_command: what whoever reads it types next; empty where there is nothing to do.
    """

    name: str
    verdict: str
    said: str
    next_command: str = ""

    def __str__(self) -> str:
        then = f"\n{'':20}next: {self.next_command}" if self.next_command else ""
        return f"{self.verdict:<9}{self.name:<11}{self.said}{then}"


class Wrong(Trouble):
    """A check failed; what was seen, and the next command."""


class LeftOut(Exception):
    """A check cannot be made; why."""


@dataclass
class Smoke:
    """One deployment that is looked at.

    Attributes:
        space: the namespace; None where only an address is known.
        base_url: of the gateway; through a port-forward where it is empty.
        seconds: how long an answer to the message may take, and what has just started to be well.
    """

    space: Namespace | None
    base_url: str = ""
    seconds: float = 60.0
    _token: str = field(default="", init=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False)

    def outcomes(self) -> Iterator[Outcome]:
        """Make every check, in order; each is told as soon as it is made."""
        checks: tuple[tuple[str, Callable[[], str]], ...] = (
            ("pods", self._pods),
            ("health", self._health),
            ("topics", self._topics),
            ("group", self._group),
            ("redis", self._redis),
            ("token", self._issue),
            ("refusal", self._refusal),
            ("message", self._message),
        )
        with self._open:
            for name, check in checks:
                yield _outcome(name, check, self._shown("get pods"))

    def _pods(self) -> str:
        space = self._inside()
        seen = self._settled(lambda: _workloads(space), lambda seen: not seen["short"])
        if not seen["count"]:
            raise Wrong("nothing is installed here", next_command="helm list -A")
        if seen["short"]:
            raise Wrong(f"pods are not ready: {seen['short']}", next_command=self._shown("get pods"))
        return f"{seen['count']} workloads have all their pods"

    def _health(self) -> str:
        url = f"{self._gateway()}/health"
        answer = self._settled(
            lambda: fetch(url, seconds=HEALTH_SECONDS), lambda seen: table(seen.get("body")).get("status") == OK
        )
        body = table(answer.get("body"))
        parts = {name: table(part) for name, part in table(body.get("components")).items()}
        ill = [f"{name} is {part.get('status')}" for name, part in parts.items() if part.get("status") != "ok"]
        if answer["status"] != 200 or body.get("status") != "ok":  # noqa: PLR2004 - HTTP's word for well
            said = answer.get("error") or f"answers {answer['status']}, {body.get('status', 'without a health body')}"
            raise Wrong(f"{said}{': ' if ill else ''}{', '.join(ill)}", next_command=self._shown("logs deploy/gateway"))
        return f"200, ok, {len(parts)} components"

    def _topics(self) -> str:
        there = kafka.counts(inside(self._inside()))
        if missing := [name for name in TOPICS if name not in there]:
            raise Wrong(f"missing: {', '.join(missing)}", next_command=self._shown("logs deploy/conversation-worker"))
        return f"{len(TOPICS)} are there"

    def _group(self) -> str:
        run = inside(self._inside())
        seen = self._settled(lambda: kafka.group(run, GROUP), lambda seen: bool(seen["members"]))
        if not seen["members"]:
            why = seen.get("error") or f"is {seen['state']}, nobody is in it"
            raise Wrong(f"{GROUP}: {why}", next_command=self._shown("get pods -l app.kubernetes.io/name=" + GROUP))
        return f"{GROUP} is {seen['state']}, {seen['members']} members"

    def _redis(self) -> str:
        seen = components.cache(self._inside())
        if seen.get("error") or seen.get("got") != seen["put"]:
            said = seen.get("error") or f"gave back {seen.get('got')!r}"
            raise Wrong(str(said), next_command=self._shown("logs statefulset/redis"))
        return "set, got, deleted"

    def _issue(self) -> str:
        if self.space is None:
            self._token = os.environ.get(TOKEN_VARIABLE, "")
            if self._token:
                return f"taken from {TOKEN_VARIABLE}"
            raise LeftOut(f"none is known: {TOKEN_VARIABLE} is not set")
        seen = components.service_token(self._inside(), lambda _: None)
        self._token = str(seen.pop("token", ""))
        if not self._token:
            said = seen.get("error") or seen.get("body")
            raise Wrong(f"none issued: {seen['status']} {said}", next_command=self._shown("logs statefulset/auth"))
        return f"issued to {components.CLIENT}"

    def _refusal(self) -> str:
        posted = table(conversation.post(self._gateway(), QUESTION)["posted"])
        if posted["status"] == UNAUTHORISED:
            return "nobody gets in without a token"
        if self.space is None and posted["status"] == 200:  # noqa: PLR2004 - HTTP's word for well
            raise LeftOut("this gateway asks nobody for a token")
        said = posted.get("error") or f"a message without a token is answered {posted['status']}"
        raise Wrong(str(said), next_command=self._shown("get configmap gateway-settings -o yaml"))

    def _message(self) -> str:
        gateway = self._gateway()
        posted = conversation.post(gateway, QUESTION, token=self._token)
        first = table(posted["posted"])
        if first["status"] == UNAUTHORISED and not self._token:
            raise Wrong("a token is needed, and there is none", next_command=f"export {TOKEN_VARIABLE}=…")
        if first["status"] != 200:  # noqa: PLR2004 - HTTP's word for well
            said = first.get("error") or f"{first['status']} {table(first.get('body')).get('detail', '')}"
            raise Wrong(f"not taken: {said}", next_command=self._shown("logs deploy/gateway"))
        seen = conversation.follow(gateway, posted, self.seconds, self._token)
        events = rows(seen.get("events"))
        last = events[-1] if events else {}
        if last.get("event") != "answered" or ANSWER not in str(table(last.get("data")).get("answer")):
            told = ", ".join(str(event.get("event")) for event in events) or "nothing"
            said = f"{seen.get('error', 'not answered')}; told were {told}"
            raise Wrong(said, next_command=self._shown("logs deploy/conversation-worker"))
        return f"asked {QUESTION!r}, answered {ANSWER} in {len(events)} events"

    def _settled(
        self, look: Callable[[], dict[str, JSON]], holds: Callable[[dict[str, JSON]], bool]
    ) -> dict[str, JSON]:
        """What is seen once it holds, or at the end of patience: what has just started takes a moment."""
        return settled(look, holds, Deadline("it to be well", self.seconds))

    def _gateway(self) -> str:
        """Base URL of the gateway; a port-forward is opened once."""
        if not self.base_url:
            port = self._open.enter_context(self._inside().forwarded("gateway", GATEWAY_PORT))
            self.base_url = f"http://127.0.0.1:{port}"
        return self.base_url

    def _inside(self) -> Namespace:
        if self.space is None:
            raise LeftOut("cannot be seen from outside; --kube-context leads inside")
        return self.space

    def _shown(self, words: str) -> str:
        return self.space.shown(words) if self.space else ""


def _workloads(space: Namespace) -> dict[str, JSON]:
    found = listed(space, "deployments,statefulsets")
    ready = {str(one["metadata"]["name"]): int(one["status"].get("readyReplicas") or 0) for one in found}
    wanted = {str(one["metadata"]["name"]): _wanted(one) for one in found}
    short = [f"{name} has {ready[name]} of {count}" for name, count in wanted.items() if ready[name] < count]
    return {"count": len(found), "short": ", ".join(short)}


def _wanted(one: dict[str, dict[str, object]]) -> int:
    wanted = one["spec"].get("replicas", 1)
    return wanted if isinstance(wanted, int) else 1


def _outcome(name: str, check: Callable[[], str], look: str) -> Outcome:
    try:
        return Outcome(name, OK, check())
    except LeftOut as reason:
        return Outcome(name, LEFT_OUT, str(reason))
    except Trouble as trouble:
        return Outcome(name, FAILED, _one_line(trouble.what), trouble.next_command or look)
    except Exception as error:  # noqa: BLE001 - a check that breaks is told in its line, and the others are made
        return Outcome(name, FAILED, _one_line(f"{type(error).__name__}: {error}"), look)


def _one_line(text: str) -> str:
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())[:400]
