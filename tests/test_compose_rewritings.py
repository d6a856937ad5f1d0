"""What means the same is judged the same: no rewriting of our own Compose file raises a false alarm."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from blueprint.compose import ComposeModel, read_compose
from blueprint.rules.compose_names import ENTRY
from tests.compose_forms import comparable_selection
from tests.composing import ROOT, RULES, our_model, our_text
from tests.rewriting import OTHER_WORDS, REWRITINGS

OURS = our_model()


def rewritten(written: str | Mapping[str, str]) -> ComposeModel:
    parts = {"": written} if isinstance(written, str) else written
    texts = {path or ENTRY: text for path, text in parts.items()}

    def read(path: str) -> str | None:
        return texts.get(path, OURS.texts[path].text if path in OURS.texts else None)

    return read_compose(read, ENTRY, {}, paths=OURS.paths | texts.keys())


def test_our_own_file_is_sound() -> None:
    found = {clause: rule(OURS).found for clause, rule in RULES.items() if rule(OURS).found}
    assert set(found) == {"CMP-020"}, found


@pytest.mark.parametrize("name", REWRITINGS)
def test_a_rewriting_is_judged_like_the_file(name: str) -> None:
    model = rewritten(REWRITINGS[name](our_text()))
    for clause, rule in RULES.items():
        ours, theirs = rule(OURS), rule(model)
        what = sorted(finding.what for finding in theirs.found)
        assert what == sorted(finding.what for finding in ours.found), clause
        assert not theirs.unexamined, clause
        assert theirs.observed == ours.observed or name in {"by extension", "by inclusion"}, clause


@pytest.mark.parametrize("name", sorted(set(REWRITINGS) - OTHER_WORDS))
def test_a_rewriting_means_the_same(name: str) -> None:
    model = rewritten(REWRITINGS[name](our_text()))
    for ours, theirs in zip(OURS.selections, model.selections, strict=True):
        assert comparable_selection(theirs, ROOT) == comparable_selection(ours, ROOT)
