"""How a world says that it is gone."""

from __future__ import annotations

from blueprint.trouble import Trouble


class WorldLost(Trouble):
    """The world that proofs look at is gone: the engine died, the cluster does not answer.

    The proofs of the same tier that have not run yet are errors at once; none of them waits for a deadline.
    """
