"""What a Trouble says, here and in another process."""

from __future__ import annotations

import pickle

import pytest

from blueprint.trouble import Trouble
from provision.processes import Completed, ProgramFailed
from worlds.lost import WorldLost


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("it is wrong"),
        WorldLost("it is gone", where="here", next_command="run it"),
        ProgramFailed(Completed(("false",), 1, "", "no", 0.1), next_command="run it"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_trouble_says_the_same_in_another_process(trouble: Trouble) -> None:
    again = pickle.loads(pickle.dumps(trouble))
    assert (type(again), str(again), again.args, vars(again)) == (
        type(trouble),
        str(trouble),
        trouble.args,
        vars(trouble),
    )
