"""Redis, asked to keep a value and to give it back."""

from __future__ import annotations

from blueprint.evidence import JSON

ANSWER_SECONDS = 10.0
EXPIRES_SECONDS = 60
"""A value of ours goes by itself, also where whoever put it there was killed."""


def round_trip(port: int, key: str, value: str, host: str = "127.0.0.1") -> dict[str, JSON]:
    """Set a key that expires, get it, and delete it.

    Returns:
        ``pong``, ``got``, the seconds that it would still have lived, ``left`` after the deletion, and whether the
        append-only file is on; ``error`` where there was no answer or a refusal, with what was seen before it.
    """
    import redis

    seen: dict[str, JSON] = {}
    try:
        with redis.Redis(
            host=host,
            port=port,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            decode_responses=True,
        ) as client:
            seen["pong"] = bool(client.ping())
            client.set(key, value, ex=EXPIRES_SECONDS)
            seen["got"] = _text(client.get(key))
            seen["expires"] = int(str(client.ttl(key)))
            client.delete(key)
            seen["left"] = _text(client.get(key))
            persistence = client.info("persistence")
            seen["append_only"] = bool(persistence.get("aof_enabled")) if isinstance(persistence, dict) else None
    except redis.RedisError as error:
        return {**seen, "error": f"{type(error).__name__}: {error}"}
    return seen


def _text(value: object) -> JSON:
    return value if isinstance(value, str) else None
