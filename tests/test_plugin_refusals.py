"""Skips, reruns, lost worlds, sessions that are interrupted or narrowed: each is red, or says what it left out."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.judged import CONFTEST, FAILING, ONE, PASSING, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
USAGE = int(pytest.ExitCode.USAGE_ERROR)
INTERRUPTED = int(pytest.ExitCode.INTERRUPTED)
TWO = ONE | {"TST-002": ("must", ("static",), ())}


# no skip, no rerun


@pytest.mark.parametrize(
    ("decorator", "body"),
    [
        ("", "pytest.skip('no engine')"),
        ("@pytest.mark.skip(reason='no engine')", "pass"),
        ("@pytest.mark.skipif(True, reason='no engine')", "pass"),
    ],
)
def test_a_skip_is_an_error(verify: Verify, decorator: str, body: str) -> None:
    verify.proofs(f'{decorator}\n@pytest.mark.proves("TST-001")\ndef test_one(): {body}\n')
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "error")
    assert session.case()["message"].startswith("no skip, ever: what cannot be looked at is an error")
    assert "no engine" in session.case()["message"]


@pytest.mark.parametrize("body", ["conclude(GOOD)", "conclude(BAD)"])
@pytest.mark.parametrize("strict", ["True", "False"])
def test_an_expected_failure_is_red(verify: Verify, body: str, strict: str) -> None:
    verify.proofs(f"""
        @pytest.mark.xfail(strict={strict}, reason="known")
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            recorder.look("thing", None, lambda: 1)
            {body}
    """)
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "error"), session.text


@pytest.mark.parametrize("body", ["pytest.skip('no', allow_module_level=True)", "pytest.importorskip('nothing_here')"])
def test_a_module_that_skips_itself_is_red(verify: Verify, body: str) -> None:
    verify.clauses(TWO)
    verify.proofs(PASSING)
    verify.proofs(body, name="test_other")
    session = verify.run()
    assert (session.status, session.verdict("TST-002")) == (1, "no_proof")
    assert "test_other.py cannot be collected: no skip, ever" in session.summary["broken"][0]


def test_a_module_that_does_not_import_is_red_and_hides_no_other(verify: Verify) -> None:
    verify.proofs(PASSING)
    verify.proofs("import nothing_here", name="test_other")
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "pass")
    assert session.summary["broken"] == [
        "tests_infra/static/test_other.py cannot be collected: E   ModuleNotFoundError: No module named 'nothing_here'"
    ]


def test_a_rerun_is_an_error(verify: Verify) -> None:
    verify.proofs(PASSING)
    (verify.root / "tests_infra" / "conftest.py").write_text("""
def pytest_collection_modifyitems(items):
    items.append(items[0])
""")
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "error")
    assert session.case()["message"] == "no rerun, ever: a proof runs once"


@pytest.mark.parametrize("plugin", ["rerunfailures", "dsession"])
def test_plugins_that_run_proofs_again_or_elsewhere_are_refused(verify: Verify, plugin: str) -> None:
    verify.pytester.makeconftest(
        CONFTEST
        + f"""
def pytest_addoption(parser, pluginmanager):
    pluginmanager.register(object(), {plugin!r})
"""
    )
    verify.proofs(PASSING)
    session = verify.run()
    assert (session.status, f"{plugin} cannot be used here" in session.text) == (USAGE, True)


# worlds that are lost, sessions that end early or are narrowed


def test_a_lost_world_errors_the_rest_of_its_tier_at_once(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("compose", "cluster"), ("a", "b"))})
    proof = '@pytest.mark.proves("TST-001", case="{}")\ndef test_{}(recorder, conclude):\n    {}\n'
    lost = proof.format("a", "a", 'recorder.look("x", None, lambda: (_ for _ in ()).throw(WorldLost("engine died")))')
    good = proof.format("b", "b", 'recorder.look("x", None, lambda: 1); conclude(GOOD)')
    verify.proofs(lost + good, tier="compose", name="test_live")
    verify.proofs(
        lost.replace('"a"', '"b"').replace("_a", "_b") + good.replace('"b"', '"a"').replace("_b", "_a"), tier="cluster"
    )
    session = verify.run()
    assert session.status == 1
    assert session.case(tier="compose", case="b") | {"seconds": 0} == session.case(tier="compose", case="b")
    assert session.case(tier="compose", case="b")["message"] == "not looked at, the world was lost before: engine died"
    assert session.verdict(tier="cluster", case="a") == "error"


@pytest.mark.parametrize("how", ["raise KeyboardInterrupt", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_an_interrupted_session_tears_down_and_writes_red_verdicts(verify: Verify, how: str) -> None:
    verify.clauses(TWO | {"TST-003": ("must", ("static",), ())})
    verify.proofs(
        PASSING
        + f"""
import os, signal, pathlib

@pytest.fixture(scope="session")
def world():
    yield
    pathlib.Path("torn-down").touch()

@pytest.mark.proves("TST-002")
def test_two(world):
    {how}
"""
        + PASSING.replace("one(", "three(").replace("001", "003")
    )
    session = verify.run(process=True)
    assert session.status == INTERRUPTED
    assert [session.verdict(f"TST-00{number}") for number in (1, 2, 3)] == ["pass", "error", "no_proof"]
    assert session.case("TST-003")["message"] == "its proof did not run: the run ended before"
    assert session.summary["broken"][0] == f"interrupted: {'SIGTERM' if 'kill' in how else 'Ctrl-C'}"
    assert (verify.root / "torn-down").exists()


def test_a_signal_waits_until_a_world_is_torn_down(verify: Verify) -> None:
    verify.clauses(TWO)
    verify.proofs(
        PASSING.replace("recorder,", "world, recorder,")
        + """
import os, pathlib, signal

@pytest.fixture
def world():
    yield
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
    pathlib.Path("torn-down").touch()
"""
        + PASSING.replace("one(", "two(").replace("001", "002")
    )
    session = verify.run(process=True)
    assert (session.status, session.summary["broken"]) == (INTERRUPTED, ["interrupted: SIGTERM"])
    assert [session.verdict("TST-001"), session.verdict("TST-002")] == ["pass", "no_proof"]
    assert (verify.root / "torn-down").exists()


def test_signals_are_given_back(verify: Verify) -> None:
    before = signal.getsignal(signal.SIGTERM)
    verify.proofs(PASSING)
    verify.run()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_session_that_stops_at_the_first_failure_is_red_for_the_rest(verify: Verify) -> None:
    verify.clauses(TWO)
    verify.proofs(FAILING + PASSING.replace("one(", "two(").replace("001", "002"))
    session = verify.run("-x")
    assert (session.status, session.verdict("TST-002")) != (0, "pass")
    assert session.verdict("TST-002") == "no_proof"
    assert "ended before every proof had run" in session.text


def test_the_last_line_is_the_path_of_the_page(verify: Verify) -> None:
    verify.proofs(PASSING)
    assert verify.run(process=True).text.rstrip().endswith("out/index.html")


@pytest.mark.parametrize(
    ("arguments", "paths", "how"),
    [
        (("-k", "one"), ("tests_infra",), "-k 'one'"),
        (("-k", "TST-001"), ("tests_infra",), "-k 'TST-001'"),
        (("--deselect=tests_infra/static/test_sample.py::test_two",), ("tests_infra",), "--deselect tests_infra"),
        ((), ("tests_infra/static/test_sample.py::test_one",), "tests_infra/static/test_sample.py::test_one"),
    ],
)
def test_what_a_narrowed_session_leaves_out_is_not_verified(
    verify: Verify, arguments: tuple[str, ...], paths: tuple[str, ...], how: str
) -> None:
    verify.clauses(TWO)
    verify.proofs(PASSING + PASSING.replace("one(", "two(").replace("001", "002"))
    session = verify.run(*arguments, paths=paths)
    assert (session.status, session.verdict("TST-001"), session.verdict("TST-002")) == (0, "pass", "not_verified")
    assert not session.summary["compliant"]
    assert f"narrowed: only {how}" in session.text


def test_one_part_of_an_obligation_does_not_prove_it(verify: Verify) -> None:
    parts = [PASSING.replace("one(", f"{part}(").replace('"TST-001"', f'"TST-001", part="{part}"') for part in "ab"]
    verify.proofs("".join(parts))
    assert verify.run().verdict() == "pass"
    assert verify.run("-k", "test_a").verdict() == "not_verified"


def test_a_session_in_which_no_proof_runs_is_red(verify: Verify) -> None:
    verify.exempt(kind="not_yet", clause="TST-001", reason="a later slice")
    (verify.root / "tests_infra").mkdir()
    session = verify.run()
    assert session.status != 0
    assert session.summary["broken"] == ["no proof ran: nothing was judged"]


def test_a_page_that_cannot_be_rendered_is_red_and_hides_no_verdict(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(out: Path) -> Path:
        raise OSError(f"no space left for {out.name}")

    monkeypatch.setattr(sys.modules["reports.page"], "render", render)
    verify.proofs(PASSING)
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "pass")
    assert "the report page cannot be rendered: OSError: no space left for out" in session.text
    assert session.text.rstrip().endswith("verdicts.json")
