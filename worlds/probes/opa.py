"""Open Policy Agent, asked what it decides."""

from __future__ import annotations

from blueprint.evidence import JSON
from worlds.probes.http import fetch


def decide(base: str, rule: str, given: JSON) -> dict[str, JSON]:
    """The decision of a rule.

    Args:
        base: URL of OPA.
        rule: path of the rule, ``soma/policy/allow``.
        given: its input.

    Returns:
        ``status`` and ``result``, which is None where the rule is not defined; ``error`` where there was no answer.
    """
    answer = fetch(f"{base}/v1/data/{rule}", method="POST", body={"input": given})
    body = answer.get("body")
    if "error" in answer:
        return answer
    return {"status": answer["status"], "result": body.get("result") if isinstance(body, dict) else None}
