"""A namespace of a cluster, reached with kubectl: what components are asked through."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from blueprint.trouble import Trouble
from provision.processes import Completed, run
from provision.tools import tool
from worlds.forwarding import forwarding
from worlds.probes.kafka import Inside
from worlds.whole_output import marked, whole

QUICK = 60.0
"""Seconds that a question to the cluster may take."""
EXEC_SECONDS = 150.0
"""A tool of Kafka starts a JVM, more than once at times."""
HOLDERS = {"kafka": "statefulset/kafka", "schema-registry": "deployment/schema-registry"}
"""What runs the pods that are asked from inside."""


class Reach(Protocol):
    """What a component is asked through: a release of ours, or whatever a context leads to."""

    @property
    def namespace(self) -> str:
        """Where the components are."""
        ...

    def forwarded(self, service: str, port: int) -> AbstractContextManager[int]:
        """A port of this machine that leads to a Service, or to the pod ``pod/<name>``."""
        ...

    def kubectl(self, *words: str, given: str | None = None, timeout: float = QUICK, check: bool = True) -> Completed:
        """Run kubectl in the namespace."""
        ...


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of whatever cluster a context of the user's leads to.

    Attributes:
        name: of the namespace.
        context: of the kubeconfig; the current one where it is empty.
        env: added to our environment.
    """

    name: str
    context: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """Its name."""
        return self.name

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to a Service, or to the pod ``pod/<name>``."""
        target = service if "/" in service else f"svc/{service}"
        with forwarding(self._argv(), target, port, self.env) as local:
            yield local

    def kubectl(self, *words: str, given: str | None = None, timeout: float = QUICK, check: bool = True) -> Completed:
        """Run kubectl in the namespace.

        Raises:
            ProgramFailed: its exit code is not 0, where that is checked.
        """
        return run([*self._argv(), *words], env=self.env, input=given, timeout=timeout, check=check)

    def shown(self, words: str) -> str:
        """A command of kubectl as a reader would type it."""
        context = f" --context {self.context}" if self.context else ""
        return f"kubectl{context} -n {self.name} {words}"

    def _argv(self) -> list[str]:
        context = ["--context", self.context] if self.context else []
        return [str(tool("kubectl").path), *context, "--namespace", self.name]


def inside(reach: Reach) -> Inside:
    """Runs programs in the pods of Kafka and of the schema registry; what they wrote is whole."""

    def execute(service: str, argv: Sequence[str]) -> Completed:
        words = ("exec", HOLDERS[service], "-c", service, "--", "sh", "-c", marked('"$@"'), "sh", *argv)
        return whole(lambda: reach.kubectl(*words, timeout=EXEC_SECONDS, check=False))

    return execute


def secret(reach: Reach, name: str, key: str) -> str:
    """A value of a Secret of the namespace.

    Raises:
        Trouble: there is no such Secret, or no such key in it.
    """
    done = reach.kubectl("get", "secret", name, "-o", "json", check=False)
    try:
        return base64.b64decode(json.loads(done.stdout)["data"][key]).decode()
    except (ValueError, KeyError, TypeError, binascii.Error):
        said = done.stderr.strip() or f"it has no key {key}"
        raise Trouble(f"the Secret {name} cannot be read: {said}") from None


def listed(reach: Reach, resource: str, *words: str) -> list[dict[str, Any]]:
    """Objects of a kind in the namespace."""
    items: list[dict[str, Any]] = json.loads(reach.kubectl("get", resource, *words, "-o", "json").stdout)["items"]
    return items
