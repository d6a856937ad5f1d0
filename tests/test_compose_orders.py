"""Orders of start and stop on the static model: what would wait for ever, or be left alone, is found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from blueprint.compose import ComposeModel
from blueprint.rules.compose_closure import open_selections
from blueprint.rules.compose_orders import Walk, straight_walks, stuck_orders
from tests.composing import model_of, our_model, said

SAME = settings(derandomize=True, database=None, deadline=None, max_examples=60)
OURS = our_model()
NAMES = ("alpha", "beta", "gamma", "delta")
PROFILES = ("one", "two")


def walk_of(model: ComposeModel, chosen: list[frozenset[str]], picks: list[int]) -> Walk:
    by_profiles = {selection.profiles: selection for selection in model.selections}
    return Walk(tuple(by_profiles[each & model.profiles] for each in chosen), tuple(picks))


@SAME
@given(
    some.lists(some.frozensets(some.sampled_from(sorted(OURS.profiles))), min_size=1, max_size=6),
    some.lists(some.integers(0, 11), min_size=1, max_size=12),
)
def test_no_order_gets_our_own_stack_stuck(chosen: list[frozenset[str]], picks: list[int]) -> None:
    findings = stuck_orders(OURS, [walk_of(OURS, [*chosen, OURS.profiles], picks)])
    assert findings.found == ()
    assert not findings.unexamined


@some.composite
def texts(draw: some.DrawFn) -> str:
    """A small Compose file: some profiles, and some dependencies, required or not, on one another."""
    lines = ["services:"]
    for name in NAMES:
        profile = draw(some.sampled_from(PROFILES))
        lines += [f"  {name}:", "    image: example/thing:1.0", f"    profiles: [{profile}]"]
        needs = draw(some.lists(some.sampled_from(NAMES), unique=True, max_size=2))
        if needs:
            lines.append("    depends_on:")
        for needed in needs:
            required = draw(some.sampled_from(("true", "false")))
            lines.append(f"      {needed}: {{condition: service_started, required: {required}}}")
    return "\n".join(lines) + "\n"


@SAME
@given(
    texts(),
    some.lists(some.frozensets(some.sampled_from(PROFILES)), max_size=4),
    some.lists(some.integers(0, 3), min_size=1),
)
def test_what_is_closed_is_never_stuck_and_what_is_open_always_is(
    text: str, chosen: list[frozenset[str]], picks: list[int]
) -> None:
    """Two ways to find out: the look at each selection, and the walk through them."""
    model = model_of(text)
    walks = [*straight_walks(model), walk_of(model, [*chosen, frozenset(PROFILES)], picks)]
    assert bool(open_selections(model).found) == bool(stuck_orders(model, walks).found)


HEAD = "services:\n  db:\n    image: example/db:1.0\n    profiles: [{db}]\n    {more}\n"
APP = "  app:\n    image: example/app:1.0\n    profiles: [one]\n    depends_on: {{db: {{condition: {condition}}}}}\n"


@pytest.mark.parametrize(
    ("db", "more", "condition", "message"),
    [
        ("one", "restart: unless-stopped", "service_completed_successfully", "app waits for db (service_completed"),
        (
            "one",
            "healthcheck: {disable: true}",
            "service_healthy",
            "app waits for db (service_healthy) in vain, on the",
        ),
        ("one", 'healthcheck: {test: ["NONE"]}', "service_healthy", "app waits for db (service_healthy) in vain"),
        ("two", "init: true", "service_started", "app waits for db (service_started) in vain, on the way one"),
        ("two", "init: true", "service_started", "app is left without db, which it needs by depends_on, on the way"),
    ],
)
def test_each_way_to_get_stuck_is_named(db: str, more: str, condition: str, message: str) -> None:
    model = model_of(HEAD.format(db=db, more=more) + APP.format(condition=condition))
    both, one = frozenset({"one", "two"}), frozenset({"one"})
    walks = [*straight_walks(model), walk_of(model, [both, one], [0])]
    findings = stuck_orders(model, walks)
    where = "infra/docker-compose.somaagent01.yaml:9 services.app.depends_on.db"
    assert any(each.startswith(f"{where}: {message}") for each in said(findings)), said(findings)
    assert not findings.unexamined


def test_a_job_that_ends_is_waited_for() -> None:
    text = HEAD.format(db="one", more='restart: "no"') + APP.format(condition="service_completed_successfully")
    model = model_of(text)
    assert stuck_orders(model, straight_walks(model)).found == ()


def test_no_walk_is_no_pass() -> None:
    assert stuck_orders(OURS, []).unexamined
