"""An existing cluster: what may be chosen, what runs there, and that nothing but reading happens unless allowed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from blueprint.target import DISPOSABLE, Target
from blueprint.trouble import Trouble
from tests.judged import Verify, verify
from worlds import target as targets
from worlds.target import ExistingCluster, ExistingRelease, open_target, verb_of

__all__ = ["verify"]
pytest_plugins = ["pytester"]
HERE = "--kube-context=works"
READS = Target("works", "dev")
WRITES = Target("works", "dev", frozenset({"read", "write"}))
PROOFS = """
@pytest.mark.proves("TST-001", case="reads")
def test_reads(recorder, conclude):
    recorder.look("thing", None, lambda: 1)
    conclude(GOOD)

@pytest.mark.proves("TST-001", case="writes", effect="write")
def test_writes(recorder, conclude):
    recorder.look("thing", None, lambda: 1)
    conclude(GOOD)
"""


def test_the_current_context_is_never_chosen() -> None:
    assert Target.chosen(None, "dev", (), None) is None
    assert Target.chosen("", "dev", (), None) is None


@pytest.mark.parametrize(
    ("context", "environment", "allow", "confirm", "said"),
    [
        (None, "local", ("write",), None, "--allow and --confirm speak of an existing cluster"),
        (None, "local", (), "works/soma-dev", "--allow and --confirm speak of an existing cluster"),
        ("works", "local", (), None, "which environment that is has to be said"),
        ("works", "prod", ("destroy",), "works/soma-prod", "prod is never destroyed"),
        ("works", "dev", ("disrupt",), None, "--allow disrupt needs the cluster and the namespace once more"),
        ("works", "dev", ("write", "destroy"), "works/soma-prod", "--allow destroy needs the cluster"),
        ("works", "dev", ("destroy",), "other/soma-dev", "--allow destroy needs the cluster"),
        ("works", "dev", ("write",), "works/soma-dev", "nothing was allowed that has to be confirmed"),
    ],
)
def test_a_choice_that_is_missing_or_contradicts_is_refused(
    context: str | None, environment: str, allow: Sequence[str], confirm: str | None, said: str
) -> None:
    with pytest.raises(Trouble, match=said):
        Target.chosen(context, environment, allow, confirm)


def test_reading_alone_is_allowed_by_itself() -> None:
    chosen = Target.chosen("works", "prod", (), None)
    assert chosen == Target("works", "prod")
    assert (chosen.address, chosen.withheld("HLM-010", "whole", "read")) == ("works/soma-prod", "")
    assert "--allow write" in chosen.withheld("HLM-013", "whole", "write")
    assert Target.of(chosen.facts) == chosen


def test_more_is_allowed_where_it_is_named_and_confirmed() -> None:
    chosen = Target.chosen("works", "dev", ("write", "disrupt"), "works/soma-dev")
    assert chosen
    assert [
        chosen.withheld("HLM-014", "whole", effect) == "" for effect in ("read", "write", "disrupt", "destroy")
    ] == [
        True,
        True,
        True,
        False,
    ]


def test_what_others_installed_is_neither_installed_nor_taken_away() -> None:
    chosen = Target("works", "dev", frozenset({"read", "write", "disrupt", "destroy"}))
    assert "installed by somebody else" in chosen.withheld("HLM-009", "whole", "read")
    assert "not ours to take away" in chosen.withheld("HLM-015", "whole", "destroy")
    assert "nobody here knows the digests" in chosen.withheld("HLM-021", "images", "read")
    assert chosen.withheld("HLM-021", "objects", "read") == ""


def test_a_namespace_is_hurt_only_where_it_was_given_up() -> None:
    hurts = Target("works", "dev", frozenset({"read", "disrupt"}))
    READS.refuse_kept({})
    WRITES.refuse_kept({})
    hurts.refuse_kept({DISPOSABLE: "true"})
    for labels in ({}, {DISPOSABLE: "false"}, {DISPOSABLE: ""}):
        with pytest.raises(Trouble, match="the namespace soma-dev does not say that it is disposable"):
            hurts.refuse_kept(labels)


def cluster(folder: Path, target: Target) -> ExistingCluster:
    return ExistingCluster("works", folder, {}, lambda _: None, target=target)


@pytest.mark.parametrize("words", ["apply -f -", "-n soma-dev delete pod x", "exec x -- true", "label ns soma-dev a=b"])
def test_a_command_that_does_not_read_is_not_run(tmp_path: Path, words: str) -> None:
    with pytest.raises(Trouble, match="is not done to a cluster that exists already"):
        cluster(tmp_path, READS).kubectl(*words.split())


def test_a_release_is_not_changed_where_reading_alone_is_allowed(tmp_path: Path) -> None:
    release = ExistingRelease(cluster(tmp_path, READS), tmp_path)
    for act in (release.uninstall, lambda: release.upgrade("soma-infra"), lambda: release.rollback("soma-infra", 1)):
        with pytest.raises(Trouble, match="is not done to a cluster that exists already"):
            act()


def test_nothing_is_made_loaded_or_removed_whatever_is_allowed(tmp_path: Path) -> None:
    there = cluster(tmp_path, Target("works", "dev", frozenset({"read", "write", "disrupt", "destroy"})))
    for act in (there.down, lambda: there.load(["x"]), lambda: there.create("x", tmp_path)):
        with pytest.raises(Trouble, match="is not done to a cluster that exists already"):
            act()


@pytest.mark.parametrize(
    ("words", "verb"),
    [("get pods -A", "get"), ("-n x get pods", "get"), ("--namespace x delete y", "delete"), ("--all", "")],
)
def test_the_verb_of_a_command(words: str, verb: str) -> None:
    assert verb_of(words.split()) == verb


def kubeconfig(folder: Path, server: str) -> Path:
    """Of a user with two contexts; the current one is not the one that is named."""
    path = folder / "config"
    ends = {"apiVersion": "v1", "kind": "Config", "current-context": "mine", "users": [{"name": "me", "user": {}}]}
    clusters = [{"name": name, "cluster": {"server": server}} for name in ("mine", "works")]
    contexts = [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("mine", "works")]
    path.write_text(json.dumps({**ends, "clusters": clusters, "contexts": contexts}), encoding="utf-8")
    return path


def test_one_context_is_borrowed_and_the_kubeconfig_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = kubeconfig(tmp_path, "https://127.0.0.1:9")
    monkeypatch.setenv("KUBECONFIG", str(own))
    before = own.read_bytes()
    told = json.loads(targets.borrowed("works"))
    assert (told["current-context"], [one["name"] for one in told["contexts"]]) == ("works", ["works"])
    with pytest.raises(Trouble, match="the kubeconfig has no context 'theirs'; known: mine, works"):
        targets.borrowed("theirs")
    assert own.read_bytes() == before


def test_a_context_where_no_cluster_answers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, "http://127.0.0.1:9")))
    with pytest.raises(Trouble, match="no cluster answers at the context works") as trouble, open_target(READS, print):
        pass
    assert trouble.value.next_command == "kubectl --context works get --raw /version"


@pytest.mark.parametrize(("allowed", "verdict"), [((), "not_verified"), (("--allow=write",), "pass")])
def test_a_proof_that_writes_runs_only_where_that_is_allowed(
    verify: Verify, allowed: Sequence[str], verdict: str
) -> None:
    verify.clauses({"TST-001": ("must", ("cluster",), ("reads", "writes"))})
    verify.proofs(PROOFS, tier="cluster")
    session = verify.run(HERE, "--environment=dev", *allowed)
    seen = [session.verdict(tier="cluster", case=case) for case in ("reads", "writes")]
    assert (session.status, seen) == (0, ["pass", verdict]), session.text
    if not allowed:
        assert "not allowed at works: --allow write" in session.case(tier="cluster", case="writes")["message"]
    assert session.document["run"]["target"]["context"] == "works"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((HERE,), "which environment that is has to be said"),
        ((HERE, "--environment=dev", "--keep"), "--keep and --reuse speak of worlds of our own"),
        ((HERE, "--environment=prod", "--allow=destroy", "--confirm=works/soma-prod"), "prod is never destroyed"),
        ((HERE, "--environment=dev", "--allow=read"), "invalid choice: 'read'"),
    ],
)
def test_a_wrong_choice_ends_the_session_before_anything_is_looked_at(
    verify: Verify, arguments: Sequence[str], said: str
) -> None:
    verify.clauses({"TST-001": ("must", ("cluster",), ("reads", "writes"))})
    verify.proofs(PROOFS, tier="cluster")
    session = verify.run(*arguments)
    assert (session.status, said in session.text) == (int(pytest.ExitCode.USAGE_ERROR), True), session.text
