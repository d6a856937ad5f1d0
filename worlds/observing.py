"""The profile observability of the Compose project as proofs see it: targets, dashboards, alerts and logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blueprint.dashboards import RULES, Panel
from blueprint.evidence import JSON
from blueprint.live import rows, table
from blueprint.live_observability import Answers, Asked, Lines, Scrapes
from blueprint.promql import selectors
from blueprint.rules.live_observability import empty_panels, unscraped_services
from provision.waiting import Deadline
from worlds.compose_acts import GATEWAY
from worlds.probes import loki, scraped
from worlds.probes.http import fetch, settled
from worlds.stack import ComposeStack

PROMETHEUS = "http://localhost:9090"
UI = "http://localhost:8080"
SCRAPED = Deadline("every running service to be scraped and up", 90)
DRAWN = Deadline("every panel to have data", 90)
EVALUATED = Deadline("every alert rule to be evaluated", 90)
PUSHED = Deadline("lines of a service to arrive in Loki", 90)
_OFTEN = 1.0


@dataclass(frozen=True, slots=True)
class Observing:
    """What proofs ask Prometheus and Loki of a stack."""

    stack: ComposeStack

    def scrapes(self) -> Scrapes:
        """What runs, and what is scraped of it, once all is well or its time is up."""
        return Scrapes.of(self.stack.recorder.look("prometheus:targets", {}, self._scrapes).seen)

    def drawn(self, panels: Sequence[Panel]) -> Answers:
        """What came of the queries of panels, once all have data or their time is up."""
        asked: JSON = [[panel.file, panel.number, panel.expression] for panel in panels]
        seen = self.stack.recorder.look("prometheus:panels", asked, lambda: self._drawn(panels))
        return Answers.of(seen.seen)

    def alerts(self) -> Answers:
        """The alert rules, and whether there is something of what they are about."""
        return Answers.of(self.stack.recorder.look("prometheus:alerts", {}, self._alerts).seen)

    def logs(self, services: Sequence[str]) -> tuple[Lines, ...]:
        """Lines that Loki has of some services, after each of them was given something to say."""
        asked: JSON = {"services": list[JSON](services)}
        seen = table(self.stack.recorder.do("loki:lines", asked, lambda: self._logs(services)).seen)
        return tuple(Lines.of(service, seen.get(service)) for service in services)

    def _scrapes(self) -> JSON:
        def look() -> dict[str, JSON]:
            running = [str(row["service"]) for row in self.stack.project.ps() if row["state"] == "running"]
            told = scraped.values(PROMETHEUS, "min by (dependency) (soma_dependency_up)", "dependency")
            return {
                "running": list[JSON](running),
                "targets": list[JSON](scraped.targets(PROMETHEUS)),
                "dependencies": list[JSON](told),
            }

        return self._settled(look, lambda seen: not unscraped_services(Scrapes.of(seen)).found, SCRAPED)

    def _drawn(self, panels: Sequence[Panel]) -> JSON:
        def look() -> dict[str, JSON]:
            asked: list[JSON] = [
                {
                    "file": panel.file,
                    "number": panel.number,
                    "owner": f"panel {panel.title!r} of {panel.dashboard!r}",
                    "expression": panel.expression,
                    **scraped.query(PROMETHEUS, panel.expression),
                }
                for panel in panels
            ]
            return {"asked": asked, "metrics": list[JSON](scraped.metrics(PROMETHEUS))}

        return self._settled(look, lambda seen: not empty_panels(Answers.of(seen), (), (), ()).found, DRAWN)

    def _alerts(self) -> JSON:
        def look() -> dict[str, JSON]:
            asked: list[JSON] = [
                {
                    "file": RULES,
                    "number": number,
                    "owner": f"alert {rule['name']}",
                    "expression": rule["query"],
                    "health": rule["health"],
                    "error": rule["error"],
                    "selectors": {
                        each: scraped.query(PROMETHEUS, each)["series"] for each in selectors(str(rule["query"]))
                    },
                }
                for number, rule in enumerate(scraped.alerts(PROMETHEUS), 1)
            ]
            return {"asked": asked, "metrics": list[JSON](scraped.metrics(PROMETHEUS))}

        return self._settled(look, _is_evaluated, EVALUATED)

    def _logs(self, services: Sequence[str]) -> JSON:
        fetch(f"{GATEWAY}/v1/session/message", method="POST", body={"message": "What is 6 * 7?"})
        fetch(f"{UI}/")
        return {service: self._lines(service) for service in services}

    def _lines(self, service: str) -> JSON:
        selector = f'{{service="{service}"}}'
        return self._settled(
            lambda: loki.lines(self.stack.project.inside, selector), lambda seen: bool(seen["lines"]), PUSHED
        )

    def _settled(
        self, look: Callable[[], dict[str, JSON]], holds: Callable[[dict[str, JSON]], bool], deadline: Deadline
    ) -> dict[str, JSON]:
        seen = settled(look, holds, deadline, every=_OFTEN)
        if not holds(seen):
            self.stack.project.check_engine()
        return seen


def _is_evaluated(seen: dict[str, JSON]) -> bool:
    asked = [Asked.of(row) for row in rows(seen["asked"])]
    return bool(asked) and all(one.health == "ok" and all((one.selectors or {}).values()) for one in asked)
