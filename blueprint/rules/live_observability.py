"""What can be wrong with metrics, dashboards, alerts and logs of a running deployment; from observations alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from blueprint.evidence import Finding, Findings, Place
from blueprint.live_observability import Answers, Asked, Lines, Scrapes
from blueprint.promql import SYNTHETIC, metric, selectors

WITHOUT_METRICS = frozenset({"kafka", "pgvector"})
"""Software that shows no metrics of its own: those that use it say how it is."""
_CONFIG = "infra/observability/prometheus.yaml"


def unscraped_services(seen: Scrapes) -> Findings:
    """Running services that are no target, targets that are not up, and targets of nothing that runs."""
    scraped = {str(target.get("service")) for target in seen.targets}
    told = {str(row.get("dependency")): float(row.get("value", 0)) for row in seen.dependencies}
    found = [finding for target in seen.targets for finding in _down(target, seen.running)]
    for service in seen.running:
        if service in scraped:
            continue
        if service not in WITHOUT_METRICS:
            found.append(_finding(service, "runs and is not scraped", f"give it a job in {_CONFIG}"))
        elif service not in told:
            found.append(_finding(service, "has no metrics, and no service that uses it tells how it is"))
        elif not told[service]:
            found.append(_finding(service, "is down, says a service that uses it"))
    by_others = sorted(WITHOUT_METRICS & set(seen.running) - scraped)
    observed = f"{len(scraped & set(seen.running))} of {len(seen.running)} services scraped and up"
    observed += f"; {' and '.join(by_others)} told of by those that use them" if by_others else ""
    return Findings.of(seen.running, seen.running, found, observed)


def _down(target: object, running: Sequence[str]) -> Iterator[Finding]:
    row = target if isinstance(target, dict) else {}
    service = str(row.get("service", ""))
    if row.get("health") != "up":
        yield _finding(service, f"is scraped by {row.get('job')} and is {row.get('health')}: {row.get('error')}")
    if service not in running:
        what = f"is a target of {row.get('job')} and has no running container"
        yield _finding(service or "a target without a service", what)


def empty_panels(seen: Answers, population: Iterable[str], boards: Iterable[str], wanted: Iterable[str]) -> Findings:
    """Panels whose query fails or has no data, and services without a dashboard.

    Args:
        seen: what came of the queries.
        population: every query, counted in the text of the dashboards.
        boards: titles of the dashboards.
        wanted: services, each of which has one of its name.
    """
    found = [_finding(name, "has no dashboard of its name") for name in sorted(set(wanted) - set(boards))]
    found += [finding for asked in seen.asked for finding in _empty(asked, seen.metrics)]
    observed = f"{len(seen.asked)} queries of {len(set(boards))} dashboards have data"
    return Findings.of([asked.name for asked in seen.asked], population, found, observed)


def blind_alerts(seen: Answers, population: Iterable[str]) -> Findings:
    """Alert rules that do not evaluate, and those that are about something there is nothing of: they never fire.

    Args:
        seen: the rules that are loaded, what they are about, and how many series that has.
        population: every rule, counted in the text of the rule files.
    """
    found = []
    for asked in seen.asked:
        if asked.health != "ok" or asked.error:
            found.append(_of(asked, f"is {asked.health}: {asked.error or 'no reason is given'}"))
        if not asked.selectors:
            found.append(_of(asked, f"is about no metric: {asked.expression}"))
        nothing = [each for each, series in (asked.selectors or {}).items() if not series]
        found += [
            _of(asked, f"is about {each}, of which there is nothing{_hint(each, seen.metrics)}") for each in nothing
        ]
    about = sum(len(asked.selectors or ()) for asked in seen.asked)
    observed = f"{len(seen.asked)} rules evaluate; there is data for all {about} selectors in them"
    return Findings.of([asked.name for asked in seen.asked], population, found, observed)


def unheard_services(seen: Iterable[Lines], population: Iterable[str]) -> Findings:
    """Services of which Loki has no line, or lines under a label that is not theirs."""
    logs = list(seen)
    found = []
    for one in logs:
        told = [line for line in one.lines if isinstance(line, dict)]
        if not told:
            found.append(_finding(one.service, f"has no line in Loki{f': {one.error}' if one.error else ''}"))
        others = {str(line.get("service")) for line in told} - {one.service}
        found += [_finding(one.service, f"has lines in Loki that are of {other!r}") for other in sorted(others)]
    count = sum(len(one.lines) for one in logs)
    observed = f"Loki has lines of {len(logs)} services, {count} of them looked at"
    return Findings.of([one.service for one in logs], population, found, observed)


def _empty(asked: Asked, metrics: Sequence[str]) -> Iterator[Finding]:
    if asked.error:
        yield _of(asked, f"does not evaluate: {asked.error}")
    elif not asked.series:
        hints = [hint for each in selectors(asked.expression) if (hint := _hint(each, metrics))]
        yield _of(asked, f"has no data: {asked.expression}{''.join(hints)}")


def _hint(selector: str, metrics: Sequence[str]) -> str:
    """That a metric is not there at all, and what comes close to it."""
    name = metric(selector)
    if not name or name in metrics or name in SYNTHETIC:
        return ""
    near = get_close_matches(name, metrics, 1)
    return f"; there is no metric {name}" + (f", the nearest is {near[0]}" if near else "")


def _of(asked: Asked, what: str) -> Finding:
    return Finding(f"{asked.owner} {what}", Place(asked.file, key=str(asked.number)))


def _finding(key: str, what: str, remedy: str = "") -> Finding:
    return Finding(what, Place(key=key), remedy)
