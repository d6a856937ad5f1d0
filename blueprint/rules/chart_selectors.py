"""HLM-006, the half about selectors: whatever selects pods selects some that the charts render."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blueprint.charts import PODS, Rendered, at
from blueprint.evidence import Finding

_REMEDY = "make it agree with the labels of the pod template"


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes a pod with these labels; an empty one takes all."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(expression.get("key"))), expression.get("values") or ()
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(str(expression.get("operator")), False)


def selectors_of(each: Rendered) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every selector of pods in an object, with its path; peers in other namespaces are left out."""
    spec = each.body.get("spec") or {}
    if each.kind == "Service" and spec.get("selector"):
        yield "spec.selector", {"matchLabels": spec["selector"]}
    if each.kind == "PodDisruptionBudget":
        yield "spec.selector", spec.get("selector") or {}
    if each.kind == "NetworkPolicy":
        yield "spec.podSelector", spec.get("podSelector") or {}
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for number, rule in enumerate(spec.get(direction) or ()):
                for peer in (rule or {}).get(side) or ():
                    if "podSelector" in peer and "namespaceSelector" not in peer:
                        yield f"spec.{direction}[{number}].{side}", peer["podSelector"] or {}
    if each.kind in PODS and each.kind != "Pod":
        for constraint in at(each.pod, "spec", "topologySpreadConstraints") or ():
            yield "spec.template.spec.topologySpreadConstraints", constraint.get("labelSelector") or {}


def idle_selectors(objects: Sequence[Rendered]) -> Iterator[Finding]:
    """Selectors that take no pod, selectors of workloads that miss their own, and scalers of what is not there."""
    pods = [each.pod_labels for each in objects if each.pod]
    names = {(each.kind, each.name) for each in objects}
    for each in objects:
        for key, selector in selectors_of(each):
            if not any(selects(selector, labels) for labels in pods):
                yield Finding(f"selects nothing: {_told(selector)}", each.place(key), _REMEDY)
        own = at(each.body, "spec", "selector")
        if each.kind in PODS and own and not selects(own, each.pod_labels):
            yield Finding("does not select its own pods", each.place("spec.selector"), _REMEDY)
        if each.kind == "HorizontalPodAutoscaler":
            target = at(each.body, "spec", "scaleTargetRef") or {}
            if (target.get("kind"), target.get("name")) not in names:
                what = f"scales {target.get('kind')}/{target.get('name')}, which is not rendered"
                yield Finding(what, each.place("spec.scaleTargetRef"), "remove it with its workload")


def _told(selector: Mapping[str, Any]) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items())
    return labels or str(dict(selector))
