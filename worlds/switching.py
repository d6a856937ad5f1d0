"""Profiles switched on and off on what runs, and a message that is taken before and answered after."""

from __future__ import annotations

from dataclasses import dataclass

from blueprint.evidence import JSON
from blueprint.live import BringUp, Exchange, table
from worlds.compose_acts import GATEWAY
from worlds.probes.conversation import follow, post
from worlds.stack import ComposeStack

AFTER_SWITCH_SECONDS = 60.0
"""How long after a switch a worker may take to answer what was waiting for it."""


@dataclass
class Switching:
    """What a proof does around a switch.

    Attributes:
        stack: whose profiles are switched.
        posted: what the message that waits was answered when it was posted.
    """

    stack: ComposeStack
    text: str = ""
    posted: JSON = None

    def post_without(self, service: str, text: str) -> None:
        """Stop a service that takes part in answers, and post a message; the next switch starts the service."""
        asked: JSON = {"message": text, "stopped": service}

        def act() -> JSON:
            self.stack.project.stop(service)
            return post(GATEWAY, text)

        self.text = text
        self.posted = self.stack.recorder.do(f"{GATEWAY}/v1/session/message", asked, act).seen

    def to(self, *selection: str) -> BringUp:
        """Switch to a selection."""
        return self.stack.switch(*selection)

    def answered(self, *wanted: str) -> Exchange:
        """The message that waited, with its events up to the last."""
        posted = self.posted
        seen = self.stack.recorder.do(
            f"{GATEWAY}/v1/session/events",
            {"message": self.text},
            lambda: follow(GATEWAY, table(posted), AFTER_SWITCH_SECONDS),
        )
        return Exchange.of(self.text, wanted, seen.seen)
