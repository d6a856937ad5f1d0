"""HLM-003: each document is one object, and valid for the cluster's Kubernetes, with unknown fields refused."""

from __future__ import annotations

from collections.abc import Iterator

from blueprint.charts import Charts, Rendered
from blueprint.evidence import Finding, Findings
from blueprint.kubernetes_schema import KUBERNETES
from blueprint.rules.chart_sources import absences, rendered


def invalid_objects(charts: Charts) -> Findings:
    """Every document that is no object, and every field that the API server would refuse or drop."""
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    for render in charts.renders:
        examined |= {each.label for each in render.documents if each.kind}
        population |= render.population
        for each in render.documents:
            found += _offences(each)
    observed = f"{len(examined)} objects are valid for Kubernetes {KUBERNETES}, one a document"
    return Findings.of(examined, population, found, observed)


def _offences(each: Rendered) -> Iterator[Finding]:
    if each.fault:
        yield Finding(f"the document {each.fault}", each.place(), "one object a document, --- between them")
        return
    if not each.name:
        yield Finding("has no name", each.place("metadata.name"))
    for complaint in each.complaints:
        yield Finding(complaint.what, each.place(complaint.path))
