"""How one message is answered: planned, kept, recalled, worked out, and said."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import JsonValue

from common.eventlog import EventLog
from common.peers import Answer, Peer, PeerFailed
from common.wire import Event, Kind, Message
from services.conversation_worker.planning import Plan, plan

NAME = "conversation_worker"
_CLOSE = 0.2
"""Recalled memories below this closeness have little to do with what was asked."""
_RECALLED_AT_MOST = 5
_SHOWN = 300
"""Characters of a recalled text in its event."""


@dataclass(frozen=True, slots=True)
class Handler:
    """Answers messages with the help of two peers."""

    memory: Peer
    tools: Peer

    async def handle(self, message: Message, log: EventLog) -> None:
        """Append every step to the log, `answered` or `failed` last, and close it. Raises nothing of a peer's."""

        def note(event: Kind, by: str, **data: JsonValue) -> None:
            step = Event(
                event=event, by=by, session_id=message.session_id, message_id=message.message_id, data=dict(data)
            )
            log.append(step)

        try:
            note("received", NAME, message=message.message)
            decided = plan(message.message)
            note("planned", NAME, tools=[call.tool for call in decided.calls], kind=decided.kind)
            stored = await self.memory.post("/v1/memories", _memory(message, decided))
            memory_id = _field(stored, "id")
            note("memory_stored", stored.by, memory_id=memory_id)
            by, texts = await self._recall(message, decided, memory_id)
            note("memory_recalled", by, count=len(texts), texts=[text[:_SHOWN] for text in texts])
            outcomes = []
            for call in decided.calls:
                outcome = await self.tools.post(f"/v1/tools/{call.tool}", {"input": call.input})
                outcomes.append(outcome.body)
                note("tool_called", outcome.by, **asdict(call), outcome=outcome.body)
            note("answered", NAME, answer=compose(decided, texts, outcomes))
        except PeerFailed as error:
            note("failed", NAME, reason=str(error))
        except asyncio.CancelledError:
            note("failed", NAME, reason="the worker was stopped")
            raise
        except Exception:
            note("failed", NAME, reason="internal error")
            raise
        finally:
            log.close()

    async def _recall(self, message: Message, decided: Plan, but: str) -> tuple[str, list[str]]:
        wanted = {
            "text": decided.topic,
            "session_id": message.session_id,
            "kind": "statement",
            "limit": _RECALLED_AT_MOST + 1,
        }
        answer = await self.memory.post("/v1/memories/search", wanted)
        hits: Any = answer.body.get("hits", []) if isinstance(answer.body, dict) else []
        close = [hit["memory"]["text"] for hit in hits if hit["memory"]["id"] != but and hit["score"] >= _CLOSE]
        return answer.by, close[:_RECALLED_AT_MOST]


def compose(decided: Plan, texts: list[str], outcomes: list[JsonValue]) -> str:
    """The answer in words."""
    said = [_spoken(call.tool, call.input, outcome) for call, outcome in zip(decided.calls, outcomes, strict=True)]
    if decided.told:
        said.append(f"I will remember: {decided.keep}")
    if decided.asked:
        said.append(f"You told me: {'; '.join(texts)}" if texts else f"You told me nothing about {decided.topic}.")
    elif texts and not said:
        said.append(f"That reminds me of what you told me: {texts[0]}")
    return "\n".join(said) or "I have noted that."


def _spoken(tool: str, given: str, outcome: JsonValue) -> str:
    body = outcome if isinstance(outcome, dict) else {}
    if not body.get("ok"):
        return f"{given or tool}: {body.get('error') or 'no result'}."
    return f"{given} = {body['result']}" if tool == "calculator" else f"It is {body['result']}."


def _memory(message: Message, decided: Plan) -> dict[str, Any]:
    """Named after the message, so that handling it again keeps nothing twice."""
    name = hashlib.sha256(f"{message.session_id}/{message.message_id}".encode()).hexdigest()[:32]
    return {"id": name, "session_id": message.session_id, "kind": decided.kind, "text": decided.keep}


def _field(answer: Answer, name: str) -> str:
    value = answer.body.get(name) if isinstance(answer.body, dict) else None
    if not isinstance(value, str):
        raise PeerFailed(f"{answer.by} answers without {name}")
    return value
