"""What a verify session refuses, and what ends it early: each is red, and says why."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.judged import CONFTEST, FAILING, HEAD, ONE, PASSING, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
USAGE = int(pytest.ExitCode.USAGE_ERROR)
INTERRUPTED = int(pytest.ExitCode.INTERRUPTED)
TWO = ONE | {"TST-002": ("must", ("static",), ())}
LINE = len(HEAD.splitlines()) + 1
"""Where a proof begins in a module of one proof."""


# marks


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("", "test_one carries 0 proves marks; a proof proves one clause"),
        ('@pytest.mark.proves("TST-009")', "test_one proves 'TST-009', which is no clause"),
        ("@pytest.mark.proves()", "test_one proves 'nothing', which is no clause"),
        ('@pytest.mark.proves("TST-001", case="x")', "'x' is no case of TST-001; known: whole"),
        ('@pytest.mark.proves("TST-001", effect="x")', "'x' is no effect of any proof; known: read, write, disrupt"),
        ('@pytest.mark.proves("TST-001", tier="static")', "test_one: the mark is proves(clause, *, case='whole'"),
        ('@pytest.mark.proves("TST-001", case="{x}")', "test_one has no parameter 'x', which its case names"),
        ('@pytest.mark.proves("TST-001")\n@pytest.mark.proves("TST-001")', "test_one carries 2 proves marks"),
    ],
)
def test_a_wrong_mark_is_refused_by_file_and_line(verify: Verify, mark: str, message: str) -> None:
    verify.proofs(f"{mark}\ndef test_one(): pass\n".lstrip())
    session = verify.run()
    assert session.status == USAGE
    assert f"tests_infra/static/test_sample.py:{LINE}: {message}" in session.text


def test_a_proof_in_the_folder_of_another_tier_is_refused(verify: Verify) -> None:
    verify.proofs(PASSING, tier="cluster")
    session = verify.run()
    assert session.status == USAGE
    assert "'cluster' is no tier of TST-001; known: static" in session.text


def test_a_proof_outside_of_the_tiers_is_refused(verify: Verify) -> None:
    verify.proofs(PASSING, tier=".")
    session = verify.run()
    assert (session.status, "'test_sample.py' is no tier of TST-001" in session.text) == (USAGE, True)


def test_all_wrong_marks_are_told_at_once(verify: Verify) -> None:
    verify.proofs("def test_one(): pass\ndef test_two(): pass")
    text = verify.run().text
    assert "test_one carries 0" in text
    assert "test_two carries 0" in text


def test_two_proofs_of_the_same_are_refused_unless_each_is_a_part(verify: Verify) -> None:
    verify.proofs(PASSING + PASSING.replace("one(", "two("))
    session = verify.run()
    assert (session.status, "TST-001 static whole is proven by" in session.text) == (USAGE, True)
    verify.proofs(
        PASSING.replace('"TST-001"', '"TST-001", part="up"')
        + FAILING.replace("one(", "two(").replace('"TST-001"', '"TST-001", part="down"')
    )
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "fail")
    assert [proof.rpartition("::")[2] for proof in session.case()["proofs"]] == ["test_one", "test_two"]


def test_a_parameter_names_the_case(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("static",), ("default", "default+kafka"))})
    verify.proofs("""
        @pytest.mark.proves("TST-001", case="{selection}")
        @pytest.mark.parametrize("selection", [pytest.param(1, id="default"), pytest.param(2, id="default+kafka")])
        def test_one(selection, recorder, conclude):
            recorder.look("thing", selection, lambda: 1)
            conclude(GOOD if selection == 1 else BAD)
    """)
    session = verify.run()
    assert (session.verdict(case="default"), session.verdict(case="default+kafka")) == ("pass", "fail"), session.text


def test_a_mark_may_stand_on_a_parameter_set(verify: Verify) -> None:
    verify.clauses(TWO)
    verify.proofs("""
        @pytest.mark.parametrize("clause", [
            pytest.param("1", marks=pytest.mark.proves("TST-001")),
            pytest.param("2", marks=pytest.mark.proves("TST-002")),
        ])
        def test_one(clause, recorder, conclude):
            recorder.look("thing", clause, lambda: 1)
            conclude(GOOD)
    """)
    assert verify.run().summary["compliant"]


def test_proofs_run_by_tier_and_then_by_effect(verify: Verify) -> None:
    effects = ("destroy", "disrupt", "write", "read")
    tiers = ("static", "compose", "cluster", "drill")
    verify.clauses({"TST-001": ("must", tiers, effects)})
    for tier in tiers:
        source = "".join(
            PASSING.replace("one(", f"{effect}(").replace('"TST-001"', f'"TST-001", case="{effect}", effect="{effect}"')
            for effect in effects
        )
        verify.proofs(source, tier=tier, name=f"test_{tier}")
    verify.run()
    lines = map(json.loads, (verify.root / "out" / "evidence.jsonl").read_text().splitlines())
    ran = [line["proof"] for line in lines if line["kind"] == "proof"]
    expected = [f"tests_infra/{t}/test_{t}.py::test_{e}" for t in tiers for e in reversed(effects)]
    assert ran == expected


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


# options


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--tier=static,moon", "--tier: 'moon' is no tier; known: static, compose, cluster, drill"),
        ("--as-of=tomorrow", "--as-of: 'tomorrow' is no date; write it as 2026-01-31"),
        ("--images=steal", "invalid choice: 'steal'"),
        ("--environment=moon", "invalid choice: 'moon'"),
        ("--replay=nothing.jsonl", "nothing.jsonl: cannot be read as the evidence of a run"),
        ("--replay=tests_infra/static/test_sample.py", "test_sample.py:1: not JSON"),
        ("--out=tests_infra", "is not empty, and what is there is no run's"),
        ("--out=conftest.py", "conftest.py is not a folder"),
        ("--keep-cluster", "--keep-cluster: the worlds of this suite decide that"),
        ("--kubeconfig=x", "--kubeconfig: the worlds"),
        ("--kind-image=x", "--kind-image: the worlds"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(verify: Verify, argument: str, message: str) -> None:
    verify.proofs(PASSING)
    session = verify.run(argument)
    assert (session.status, message in session.text) == (USAGE, True), session.text


def test_exemptions_that_are_not_well_formed_are_refused(verify: Verify) -> None:
    verify.exempt(kind="never", clause="TST-001", reason="no")
    verify.proofs(PASSING)
    session = verify.run()
    assert (session.status, "exemptions.toml:1: unknown kind 'never'" in session.text) == (USAGE, True)


def test_no_file_of_an_older_run_is_taken_for_one_of_this(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    verify.proofs(PASSING)
    out = verify.run().out
    (out / "failures" / "old").mkdir(parents=True)
    monkeypatch.delattr(sys.modules["reports.page"], "render")
    verify.proofs("def test_one(): pass")
    session = verify.run()
    assert session.status == USAGE
    ours = {"evidence.jsonl", "verdicts.json", "junit.xml", "details.html", "summary.md"}
    assert {path.name for path in out.iterdir()} <= ours
    assert not session.summary["green"]
    assert "test_one carries 0 proves marks" in session.summary["broken"][0]


def test_proofs_and_other_tests_are_two_sessions(verify: Verify) -> None:
    verify.proofs(PASSING)
    verify.pytester.makepyfile(test_other="def test_other(): pass")
    assert verify.run(paths=("tests_infra", "test_other.py")).status == USAGE
    assert verify.run(paths=(".",)).status == USAGE
    assert verify.run(paths=("test_other.py",)).status == 0
    assert not (verify.root / "out").exists()


def test_collecting_writes_nothing(verify: Verify) -> None:
    verify.proofs(PASSING)
    assert verify.run("--collect-only").status == 0
    assert not (verify.root / "out").exists()


def test_hypothesis_finds_the_same_examples_each_time(verify: Verify) -> None:
    verify.proofs("""
        from hypothesis import settings

        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            recorder.look("thing", None, lambda: 1)
            assert settings.default.derandomize
            conclude(GOOD)
    """)
    from hypothesis import settings

    before = settings.get_current_profile_name()
    assert verify.run().verdict() == "pass"
    assert settings.get_current_profile_name() == before


BOOBY_TRAP = """
import pathlib
pathlib.Path(__file__).with_name("executed").touch()
"""


@pytest.mark.parametrize("spelling", ["equals", "space", "environment"])
def test_nothing_of_a_hostile_subject_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    from provision.processes import run

    subject = tmp_path / "subject"
    for name in ("conftest.py", "tests_infra/conftest.py", "sitecustomize.py", "fixtures/options.py", "trap.py"):
        (subject / name).parent.mkdir(parents=True, exist_ok=True)
        (subject / name).write_text(BOOBY_TRAP)
    (subject / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-p trap"\npythonpath = ["."]\n')
    named = {"equals": [f"--subject={subject}"], "space": ["--subject", str(subject)], "environment": []}[spelling]
    if not named:
        monkeypatch.setenv("SOMA_SUBJECT", str(subject))
    root = Path(__file__).parent.parent
    # as the noxfile calls it
    pinned = (sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", "-p", "fixtures.options")
    done = run([*pinned, "--tier=static", f"--out={tmp_path}/out", "tests_infra", *named], cwd=root, check=False)
    document = json.loads((tmp_path / "out" / "verdicts.json").read_text())
    assert document["run"]["subject"] == str(subject), done.stdout
    assert document["summary"]["counts"]["fail"] > 0, done.stdout
    assert list(tmp_path.rglob("executed")) == []
