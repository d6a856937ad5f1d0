"""Faults as proofs see them: each cell of the matrix brought about, measured and undone in one recorded act."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from blueprint.evidence import JSON
from blueprint.fault_matrix import Bounds, Cell
from blueprint.live import rows
from blueprint.live_faults import Told, UnderFault
from blueprint.rules.live_faults import as_predicted
from blueprint.trouble import Trouble
from provision.waiting import Deadline
from worlds.compose import ComposeProject, profiles_of
from worlds.compose_acts import GATEWAY
from worlds.compose_opening import refuse_taken_ports
from worlds.compose_output import Row
from worlds.faults import Faults
from worlds.probes.http import fetch, settled
from worlds.stack import ComposeStack

SELECTION = ("default", "kafka", "vectorstore")
BESIDE = ("prometheus",)
"""A service of another profile: that profile as a whole is not needed here."""
SAMPLES = 4
PATIENCE = 2.0
"""How much longer than its bound an answer is waited for, so that it is seen how late it is."""
HEALTHY_AGAIN = Deadline("everything to be healthy once a fault is undone", 180)
TEXT_BYTES = 3000
"""Of a message that a full disk has no room for; it does not compress."""
_PROVOKED_SECONDS = 3.0


@dataclass
class FaultWorld:
    """The stack with everything up that the matrix speaks of."""

    stack: ComposeStack
    gateway: str = GATEWAY
    _stood: str = field(default="", init=False)

    def stand(self) -> None:
        """Have it up, once a session; the current proof rests on that."""
        self.stack.rest_on_images(*SELECTION, beside=BESIDE)
        if not self._stood:
            self.stack.forget_standing()
            asked: JSON = {"profiles": profiles_of(SELECTION), "beside": list[JSON](BESIDE)}
            with self.stack.recorder.session():
                self._stood = self.stack.recorder.do("faults:stand", asked, self._stand).id
        self.stack.recorder.cite(self._stood)

    def under(self, cell: Cell, bounds: Bounds) -> UnderFault:
        """What the gateway says while a fault is in force."""
        self.stack.forget_standing()
        asked: JSON = {"service": cell.service, "fault": cell.fault}
        seen = self.stack.recorder.do(
            "faults:cell", asked, lambda: Measure(self.stack.project, self.gateway).cell(cell, bounds)
        )
        return UnderFault.of(seen.seen)

    def _stand(self) -> JSON:
        project = self.stack.project
        refuse_taken_ports(project, profiles_of(SELECTION))
        done = project.add(profiles_of(SELECTION), *BESIDE)
        if done.exit_code:
            raise Trouble(f"the stack does not come up: {done.stderr.strip()[-500:]}", where=project.name)
        return {"containers": list[JSON](project.ps())}


@dataclass(frozen=True, slots=True)
class Measure:
    """Measures cells on a project that is up."""

    project: ComposeProject
    gateway: str

    def cell(self, cell: Cell, bounds: Bounds) -> dict[str, JSON]:
        """One cell: well before, a fault that is in force, what is said meanwhile, and well after it.

        Raises:
            Trouble: the fault does not come into force or cannot be undone.
        """
        started = time.monotonic()
        before, _ = self._well(bounds)
        self.project.progress(f"{cell.service}: {cell.fault}{f' ({cell.instead})' if cell.instead else ''}")
        with Faults(self.project, lambda: self._well(bounds)).of(cell.service, cell.fault) as in_force:
            during = self._during(cell, bounds)
        after, unhealthy = self._well(bounds)
        return {
            "before": before,
            "in_force": in_force,
            **during,
            "after": after,
            "unhealthy": unhealthy,
            "seconds": round(time.monotonic() - started, 1),
        }

    def _during(self, cell: Cell, bounds: Bounds) -> dict[str, JSON]:
        """Messages are posted until the prediction holds: some faults show only where something is written."""
        began, last = time.monotonic(), 0.0

        def look() -> dict[str, JSON]:
            nonlocal last
            if time.monotonic() - last > _PROVOKED_SECONDS:
                self._post(bounds)
                last = time.monotonic()
            return self._told(bounds)

        deadline = Deadline("/health to say what is predicted", bounds.settle)
        seen = settled(look, lambda told: as_predicted(cell, Told.of(told)), deadline)
        settled_after = round(time.monotonic() - began, 1)
        samples = [self._told(bounds) for _ in range(SAMPLES)]
        return {
            "settled": seen,
            "settled_after": settled_after,
            "samples": list[JSON](samples),
            "posted": self._post(bounds),
        }

    def _well(self, bounds: Bounds) -> tuple[dict[str, JSON], list[JSON]]:
        """What is said once everything is healthy, or after its time is up; and the containers that are not."""

        def look() -> dict[str, JSON]:
            rows_now = [row for row in self.project.containers() if not str(row["service"]).startswith("verify-")]
            return {"told": self._told(bounds), "containers": list[JSON](rows_now)}

        seen = settled(look, lambda each: _is_well(Told.of(each["told"])) and not _unhealthy(each), HEALTHY_AGAIN)
        told = seen["told"]
        return (told if isinstance(told, dict) else {}), list[JSON](_unhealthy(seen))

    def _told(self, bounds: Bounds) -> dict[str, JSON]:
        patience = bounds.health + PATIENCE
        return {
            "health": timed(lambda: fetch(f"{self.gateway}/health", seconds=patience)),
            "ready": timed(lambda: fetch(f"{self.gateway}/ready", seconds=patience)),
        }

    def _post(self, bounds: Bounds) -> dict[str, JSON]:
        body: JSON = {"message": f"Remember that {secrets.token_hex(TEXT_BYTES)}"}
        url, patience = f"{self.gateway}/v1/session/message", bounds.post + PATIENCE
        return timed(lambda: fetch(url, method="POST", body=body, seconds=patience))


def timed(act: Callable[[], dict[str, JSON]]) -> dict[str, JSON]:
    """What is answered, and the seconds that it took."""
    started = time.monotonic()
    seen = act()
    return {**seen, "seconds": round(time.monotonic() - started, 2)}


def _is_well(told: Told) -> bool:
    return told.health.status == "ok" and told.ready.answer.status == 200  # noqa: PLR2004 - HTTP


def _unhealthy(seen: dict[str, JSON]) -> list[str]:
    found: list[Row] = [dict(row) for row in rows(seen["containers"])]
    return [str(row["service"]) for row in found if (row["state"], row["health"]) != ("running", "healthy")]
