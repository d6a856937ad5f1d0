"""Every clause that is proven was seen red: each breakage turns its clause red, and no unrelated one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from blueprint.catalogue import Level, Tier, read_catalogue
from blueprint.exemptions import EXEMPTIONS, Kind, read_exemptions
from tests.breakages import BREAKAGES, Breakage, Obligation, read_breakages
from tests.breaking import SIDE_BY_SIDE, Breaking, Verdicts, crashed, proven_obligations, red
from tests.first_line import first_line, leads_there

CATALOGUE = read_catalogue()
ROWS = read_breakages(BREAKAGES, CATALOGUE)
LEADING = 0.9
"""Of the faults that are seeded in files, how many the first red line must lead to."""


@pytest.fixture(scope="session")
def breaking(request: pytest.FixtureRequest) -> Iterator[Breaking]:
    """Judges the breakages that are tested in this session.

    A worker of pytest-xdist collects every row and is given some of them, nobody knows which: it judges a row when its
    test is run, in one process, so that each row is judged by one worker alone. Without workers all are begun at once.
    """
    workers = "PYTEST_XDIST_WORKER" in os.environ
    with Breaking(1 if workers else SIDE_BY_SIDE) as made:
        if not workers:
            chosen = {_parameters(item).get("breakage") for item in request.session.items}
            made.ask_ahead(row for row in ROWS if row in chosen)
        yield made


def _parameters(item: pytest.Item) -> Mapping[str, object]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def must_be_breakable() -> set[Obligation]:
    """What is proven and stands under no exemption: what does fails anyway, or was not looked at."""
    exemptions = read_exemptions(EXEMPTIONS, CATALOGUE)
    exempt = set(Kind)  # of what is unavailable nothing was recorded that could be changed
    rows = {each: exemptions.of(each[0], Tier(each[1]), each[2], "local") for each in proven_obligations()}
    return {obligation for obligation, row in rows.items() if row is None or row.kind not in exempt}


def test_every_proven_obligation_has_a_breakage() -> None:
    missing = [each for each in sorted(must_be_breakable()) if not any(row.covers(each) for row in ROWS)]
    assert not missing, "no breakage is registered for\n" + "\n".join(" ".join(each) for each in missing)


def test_the_first_red_line_leads_to_what_was_seeded() -> None:
    """Each row is held to what it says of that, by the test below."""
    seeded = [row for row in ROWS if row.tier is Tier.STATIC]
    leading = [row for row in seeded if not row.astray]
    assert len(leading) >= LEADING * len(seeded), [str(row) for row in seeded if row.astray]


def is_advised_anew(obligation: Obligation, sound: Verdicts, broken: Verdicts) -> bool:
    """Whether a ``should`` clause that advises something on the sound tree advises something else when broken."""
    is_should = CATALOGUE.by_id[obligation[0]].level is Level.SHOULD
    return is_should and sound[obligation] != broken[obligation]


@pytest.mark.parametrize("breakage", [pytest.param(row, id=str(row)) for row in ROWS])
def test_a_breakage_turns_its_clause_red_and_no_other(breakage: Breakage, breaking: Breaking) -> None:
    sound, broken = breaking.ask(breakage.tier).result(), breaking.ask(breakage.tier, breakage).result()
    crashes = [(*each, broken[each][1]) for each in sorted(crashed(broken) - crashed(sound))]
    assert not crashes, f"an error instead of a finding: {crashes}"
    meant = {obligation for obligation in broken if breakage.covers(obligation)}
    red_before = {each for each in meant & red(sound) if not is_advised_anew(each, sound, broken)}
    assert not red_before, f"red without being broken: {[(*each, sound[each][1]) for each in red_before]}"
    still = sorted(meant - red(broken))
    assert not still, f"not turned red: {[(*each, *broken[each]) for each in still]}"
    turned = red(broken) - red(sound) - meant
    unrelated = {each for each in turned if each[0] not in breakage.also}
    assert not unrelated, f"turned red as well: {[(*each, broken[each][1]) for each in sorted(unrelated)]}"
    idle = set(breakage.also) - {clause for clause, _, _ in turned}
    assert not idle, f"does not turn red, though `also` says so: {sorted(idle)}"
    if breakage.tier is Tier.STATIC:
        line = first_line(sound, broken)
        where = "there, though `astray` says otherwise" if breakage.astray else "astray"
        assert leads_there(breakage, line) != bool(breakage.astray), f"the first red line leads {where}: {line}"
