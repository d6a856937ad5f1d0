"""Many messages to the gateway at once, those of a session one after the other, as patient clients send them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from provision.waiting import Deadline, WaitedTooLong

AT_ONCE = 16
ANSWER_SECONDS = 15.0
PAUSE_SECONDS = 0.5
TAKEN = Deadline("a message to be taken by the gateway", 180)
_OK = 200


def text_of(message: int) -> str:
    """What message N of a session asks; `worlds.topic_history` knows the answer."""
    return f"What is {message + 1} * 7?"


@dataclass
class MessageLoad:
    """Sends messages, and counts.

    A message that is refused, or whose answer is lost, is sent again under the same ids, as the message API wants it,
    and the next of its session only then.

    Attributes:
        gateway: its address.
        prefix: how the ids of the sessions begin.
        taken: messages that the gateway has acknowledged so far; again: how often one was sent again.
    """

    gateway: str
    prefix: str
    taken: int = field(default=0, init=False)
    again: int = field(default=0, init=False)

    async def send(self, sessions: Iterable[str], each: int) -> None:
        """Send so many messages to each session, many sessions side by side."""
        import httpx

        gate = asyncio.Semaphore(AT_ONCE)
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, limits=limits) as client:

            async def one(session: str) -> None:
                async with gate:
                    for message in range(each):
                        await self._post(client, session, message)
                        self.taken += 1

            async with asyncio.TaskGroup() as group:
                for session in sessions:
                    group.create_task(one(session))

    async def repeat(self, messages: Iterable[tuple[str, int]]) -> None:
        """Send messages again that failed."""
        import httpx

        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            for session, message in messages:
                await self._post(client, session, message)

    async def _post(self, client: Any, session: str, message: int) -> None:  # noqa: ANN401 - httpx is imported late
        import httpx

        body = {"session_id": f"{self.prefix}{session}", "message_id": str(message), "message": text_of(message)}
        loop = asyncio.get_running_loop()
        end, said = loop.time() + TAKEN.seconds, ""
        while loop.time() < end:
            try:
                answer = await client.post(f"{self.gateway}/v1/session/message", json=body)
            except httpx.HTTPError as error:
                said = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code == _OK:
                    return
                said = f"{answer.status_code} {answer.text[:200]}"
            self.again += 1
            await asyncio.sleep(PAUSE_SECONDS)
        raise WaitedTooLong(f"waited {TAKEN.seconds:g} s for {TAKEN.name}: {session}/{message}: {said}")
