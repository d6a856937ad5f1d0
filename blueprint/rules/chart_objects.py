"""HLM-003: each document is one object, and valid for the cluster's Kubernetes, with unknown fields refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from blueprint.chart_origins import traced
from blueprint.charts import Charts, Rendered
from blueprint.evidence import Finding, Findings
from blueprint.kubernetes_schema import KUBERNETES
from blueprint.rules.chart_sources import absences, rendered

_QUOTED = re.compile(r"'([\w./-]+)'")
_LAST = re.compile(r"\[\d+\]$")


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
    return Findings.of(examined, population, traced(charts, found), observed)


def _offences(each: Rendered) -> Iterator[Finding]:
    if each.fault:
        yield Finding(f"the document {each.fault}", each.place(), "one object a document, --- between them")
        return
    if not each.name:
        yield Finding("has no name", each.place("metadata.name"))
    for complaint in each.complaints:
        sought = [*_QUOTED.findall(complaint.what), _LAST.sub("", complaint.path).rpartition(".")[2]]
        yield Finding(complaint.what, each.place(complaint.path, *filter(None, sought)))
