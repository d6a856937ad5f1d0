"""The components of soma-infra, and the smoke test, as proofs see them: each trial goes through the recorder."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blueprint.charts import INFRA
from blueprint.evidence import JSON, Observation
from blueprint.live import table
from provision.processes import run
from worlds import components, guarding
from worlds.reach import listed
from worlds.release_world import ReleaseWorld
from worlds.smoke import FAILED, LEFT_OUT, OK

SMOKE = ("poetry", "run", "python", "scripts/smoke_test.py", "--env")
"""The blueprint's line, to which the environment is added."""
SMOKE_SECONDS = 600.0
"""The smoke test bounds each of its looks; a small machine under load is slow to start programs."""
HURRY = ("--seconds", "10")
"""Added where something is known to be broken: being patient with each check takes minutes, and makes it no better."""
BACK_SECONDS = 300
_VERDICTS = {OK, FAILED, LEFT_OUT}


@dataclass(frozen=True, slots=True)
class ComponentProofs:
    """What proofs try of the components of an installed release."""

    world: ReleaseWorld

    def auth(self) -> JSON:
        """A token, and messages with it, without one, and with forged ones."""
        return self._do("auth", lambda: components.auth(self.world.release, self.world.recorder.secret))

    def policy(self, rule: str, asked: Mapping[str, JSON]) -> Mapping[str, Any]:
        """What OPA decides of requests."""
        told: JSON = {"rule": rule, "inputs": dict(asked)}
        return table(self._look("opa", lambda: components.policy(self.world.release, rule, asked), told).seen)

    def broker(self) -> Mapping[str, Any]:
        """A record that is carried round."""
        return table(self._do("kafka", lambda: components.broker(self.world.release)))

    def cache(self) -> Mapping[str, Any]:
        """A value that is set and got."""
        return table(self._do("redis", lambda: components.cache(self.world.release)))

    def metrics(self) -> Mapping[str, Any]:
        """The targets of Prometheus, and the pods that are to be among them."""
        return table(self._look("prometheus", lambda: components.metrics(self.world.release)).seen)

    def dashboards(self) -> JSON:
        """Grafana, and the queries of its dashboards, which the chart renders also where Grafana cannot be had."""

        def act() -> JSON:
            release = self.world.release
            rendered = release.render(INFRA, "--set", "infra.grafana.enabled=true")
            return components.dashboards(release, rendered)

        return self._look("grafana", act).seen

    def vaults(self) -> Mapping[str, Any]:
        """The state of every member of Vault."""
        return table(self._look("vault", lambda: components.vaults(self.world.release)).seen)

    def pods(self, component: str) -> list[str]:
        """Names of the pods of a component, as its workload counts them."""

        def act() -> JSON:
            found = listed(self.world.release, "statefulsets", "--field-selector", f"metadata.name={component}")
            return [f"{component}-{number}" for one in found for number in range(int(one["spec"]["replicas"]))]

        seen = self.world.look("kubectl:replicas", {"statefulset": component}, act).seen
        return list(map(str, seen)) if isinstance(seen, list) else []

    def flags(self) -> JSON:
        """A key that is put, got, watched, and deleted."""
        return self._do("etcd", lambda: components.flags(self.world.release))

    def sidecars(self) -> Mapping[str, Any]:
        """What stands in the pods of the services that have secrets or a policy."""
        return table(self._look("sidecars", lambda: guarding.sidecars(self.world.release)).seen)

    def denials(self) -> JSON:
        """Messages of a member and of a stranger, and to a gateway whose policy is not there."""
        return self._do("policy", lambda: guarding.denials(self.world.release, self.world.recorder.secret))

    def delivered(self) -> Mapping[str, Any]:
        """What the files in the pods hold, and what Vault has."""
        return table(self._do("agent", lambda: guarding.delivered(self.world.release, self.world.recorder.secret)))

    def rotated(self) -> JSON:
        """A secret that is changed in Vault, and back."""
        return self._do("rotation", lambda: guarding.rotated(self.world.release, self.world.recorder.secret))

    def without_injector(self) -> Mapping[str, Any]:
        """A pod that needs a secret while nobody injects."""
        return table(self._do("injector", lambda: guarding.without_injector(self.world.release)))

    def smoke(self) -> JSON:
        """The smoke test, by the blueprint's line."""
        told: JSON = {"command": " ".join((*SMOKE, self.world.environment))}
        return self.world.do("smoke", told, self._smoke).seen

    def smoke_without(self, workload: str) -> JSON:
        """The smoke test while a workload has no pods; they are back when this returns."""

        def act() -> JSON:
            with self._none(workload):
                return self._smoke(*HURRY)

        told: JSON = {"command": " ".join((*SMOKE, self.world.environment, *HURRY)), "without": workload}
        return self.world.do("smoke", told, act).seen

    @contextmanager
    def _none(self, workload: str) -> Iterator[None]:
        release = self.world.release
        found = json.loads(release.kubectl("get", workload, "-o", "json").stdout)
        wanted = found["spec"]["replicas"]
        release.kubectl("scale", workload, "--replicas=0")
        try:
            selected = ",".join(f"{key}={value}" for key, value in found["spec"]["selector"]["matchLabels"].items())
            waited = ("wait", "pods", "-l", selected, "--for=delete", f"--timeout={BACK_SECONDS}s")
            release.kubectl(*waited, timeout=BACK_SECONDS + 30)
            yield
        finally:
            release.kubectl("scale", workload, f"--replicas={wanted}")
            words = ("rollout", "status", workload, f"--timeout={BACK_SECONDS}s")
            release.kubectl(*words, timeout=BACK_SECONDS + 30)

    def _smoke(self, *words: str) -> JSON:
        release = self.world.release
        poetry = Path(sys.executable).with_name(SMOKE[0])
        env = {**release.cluster.env, "VIRTUAL_ENV": sys.prefix, "PYTHONPATH": None}
        argv: list[str | Path] = [poetry, *SMOKE[1:], release.environment, *words]
        done = run(argv, env=env, cwd=release.root, timeout=SMOKE_SECONDS, check=False)
        said = (done.stdout + done.stderr).splitlines()
        return {"exit_code": done.exit_code, "checks": dict[str, JSON](verdicts(said)), "said": list[JSON](said)}

    def _look(self, component: str, act: Callable[[], JSON], asked: JSON = None) -> Observation:
        return self.world.look(f"component:{component}", {} if asked is None else asked, act)

    def _do(self, component: str, act: Callable[[], JSON]) -> JSON:
        return self.world.do(f"component:{component}", {}, act).seen


def verdicts(said: list[str]) -> dict[str, str]:
    """Verdict of each check, by its name, out of the lines of the smoke test."""
    parted = ((line[:9].strip(), line[9:].split()) for line in said)
    return {words[0]: verdict for verdict, words in parted if verdict in _VERDICTS and words}
