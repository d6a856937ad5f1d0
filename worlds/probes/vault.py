"""Vault, or what speaks its API, asked whether it is open."""

from __future__ import annotations

from blueprint.evidence import JSON
from worlds.probes.http import fetch

_ANY_STATE = "standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200"


def state(base: str) -> dict[str, JSON]:
    """``initialized``, ``sealed``, ``standby``, ``version``, kind and storage; ``error`` where there is no answer."""
    sealing, health = fetch(f"{base}/v1/sys/seal-status"), fetch(f"{base}/v1/sys/health?{_ANY_STATE}")
    for answer in (sealing, health):
        if not isinstance(answer.get("body"), dict):
            return {"status": answer["status"], "error": str(answer.get("error") or answer.get("body"))[:300]}
    said = {**_table(health), **_table(sealing)}
    kept = ("initialized", "sealed", "standby", "version", "type", "storage_type")
    return {"status": sealing["status"], **{name: said[name] for name in kept if name in said}}


def _table(answer: dict[str, JSON]) -> dict[str, JSON]:
    body = answer.get("body")
    return body if isinstance(body, dict) else {}
