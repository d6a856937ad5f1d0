"""Charts are packed so that anyone gets the same bytes, and a release that does otherwise is told."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.change_management import CHARTS, RELEASE_WORKFLOW
from blueprint.rules.release_packages import Packed, irreproducible_packages
from blueprint.trouble import Trouble
from blueprint.workflows import read_workflow
from provision import chart_packages
from provision.chart_packages import SUMS, digest, pack, write_packages
from provision.processes import run
from worlds import chart_packages as clones

FILES = {"Chart.yaml": "apiVersion: v2\nname: {name}\nversion: 1.2.3\n", "templates/a.yaml": "a: 1\n"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of two small charts, committed at a time of its own."""
    root = tmp_path / "checkout"
    for chart in CHARTS:
        for path, text in FILES.items():
            place = root / chart / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text.replace("{name}", Path(chart).name))
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> None:
    names = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    times = {"GIT_AUTHOR_DATE": "1700000000 +0100", "GIT_COMMITTER_DATE": "1700000001 +0100"}
    run(
        ("git", *arguments),
        cwd=root,
        env={"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", **names, **times},
    )


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=change")


def test_a_package_has_the_time_of_the_commit_and_the_sum_beside_it(checkout: Path, tmp_path: Path) -> None:
    packages = write_packages(checkout, tmp_path / "out", "v1.2.3")
    assert [package.name for package in packages] == ["soma-infra-1.2.3.tgz", "soma-stack-1.2.3.tgz"]
    with tarfile.open(packages[0]) as file:
        assert {member.name: member.mtime for member in file.getmembers()} == {
            "soma-infra/Chart.yaml": 1_700_000_001,
            "soma-infra/templates/a.yaml": 1_700_000_001,
        }
    assert (tmp_path / "out" / SUMS).read_text().startswith(f"{digest(packages[0])}  soma-infra-1.2.3.tgz\n")
    assert write_packages(checkout, tmp_path / "out", ""), "it may be done again"


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("v1.2.4", "soma-infra/Chart.yaml: the package is soma-infra-1.2.3.tgz, the tag v1.2.4"),
        ("1.2.3", "1.2.3 is no tag of the form"),
    ],
)
def test_a_tag_of_another_version_is_refused(checkout: Path, tmp_path: Path, tag: str, message: str) -> None:
    with pytest.raises(Trouble, match=message):
        write_packages(checkout, tmp_path / "out", tag)


def test_packages_of_another_release_are_not_attached_along(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "soma-infra-1.0.0.tgz").write_bytes(b"")
    with pytest.raises(Trouble, match=r"packages of another release: soma-infra-1\.0\.0\.tgz"):
        write_packages(checkout, tmp_path / "out", "")


def test_what_is_not_committed_is_not_packed(checkout: Path, tmp_path: Path) -> None:
    (checkout / CHARTS[0] / "templates" / "b.yaml").write_text("b: 1\n")
    with pytest.raises(Trouble, match=r"1 files differ from the commit(.|\n)*next: git commit"):
        pack(checkout, CHARTS[0], tmp_path)
    with pytest.raises(Trouble, match="no file of the chart is in the commit"):
        pack(checkout, "infra/helm/soma-none", tmp_path)


def test_a_link_is_not_followed(checkout: Path, tmp_path: Path) -> None:
    (checkout / CHARTS[0] / "templates" / "b.yaml").symlink_to("/etc/hostname")
    commit(checkout)
    with pytest.raises(Trouble, match="is a link, which helm would follow"):
        pack(checkout, CHARTS[0], tmp_path)


def test_the_command_says_what_is_wrong_in_one_message(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chart_packages, "ROOT", checkout)
    assert chart_packages.main(["--tag", "v9.9.9", str(tmp_path / "out")]) == 2
    assert "the tag v9.9.9" in capsys.readouterr().err
    assert chart_packages.main(["--tag", "v1.2.3", str(tmp_path / "out")]) == 0
    assert "soma-stack-1.2.3.tgz" in capsys.readouterr().out


# two clones


def seen(root: Path) -> Packed:
    told = clones.read_packages(root)
    assert isinstance(told, dict)
    return Packed.of(told)


def test_two_clones_give_one_package_of_the_files_as_they_stand(checkout: Path) -> None:
    sums = [chart["sums"] for chart in seen(checkout).charts.values()]
    assert [len(each) for each in sums] == [2, 2]
    assert all(one == two for one, two in sums)
    (checkout / CHARTS[0] / "templates" / "b.yaml").write_text("b: 1\n")
    assert [chart["sums"] for chart in seen(checkout).charts.values()] != sums, "what is not committed yet counts"
    assert not run(("git", "diff", "--cached", "--name-only"), cwd=checkout).stdout, "nothing is staged in the checkout"


def test_packing_without_the_time_of_the_commit_is_seen(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_it_lies(root: Path, chart: str, folder: Path) -> Path:
        run((chart_packages.packing_helm().path, "package", root / chart, "--destination", folder))
        return next(folder.glob(f"{Path(chart).name}-*"))

    monkeypatch.setattr(clones, "pack", as_it_lies)
    (checkout / CHARTS[0] / "templates" / "c.yaml").write_text("c: 1\n")  # not packed before in this process
    found = judged(seen(checkout))
    assert found[0].startswith(f"{CHARTS[0]}/Chart.yaml:1: two clones of one commit give two packages that differ, in")
    assert "soma-infra/templates/a.yaml" in found[0]


def test_a_chart_that_a_clone_cannot_pack_is_told(checkout: Path) -> None:
    chart = checkout / CHARTS[1] / "Chart.yaml"
    chart.write_text(chart.read_text() + "dependencies: [{name: gone, version: 1.0.0}]\n")
    found = judged(seen(checkout))
    assert len(found) == 1
    assert found[0].startswith(f"{CHARTS[1]}/Chart.yaml:1: cannot be packed from a clone: helm does not pack it")


@pytest.mark.parametrize("initialised", [True, False])
def test_without_a_history_nothing_is_proven(tmp_path: Path, *, initialised: bool) -> None:
    if initialised:
        git(tmp_path, "init", "--quiet")
    packed = seen(tmp_path)
    assert "no history" in packed.reason or "no clone could be made" in packed.reason
    findings = irreproducible_packages(packed, CHART_FILES, read_workflow(Document(RELEASE_WORKFLOW, GOOD)), POPULATION)
    assert findings.unexamined == {*POPULATION[:2], f"({packed.reason})"}


# the release workflow

GOOD = """\
on: {push: {tags: ['v*.*.*']}}
jobs:
  release:
    runs-on: ubuntu-24.04
    steps:
      - run: nox -s packages -- packages
      - run: gh release create "$GITHUB_REF_NAME" packages/*.tgz --verify-tag
"""
BY_HAND = """\
on: {push: {tags: ['v*.*.*']}}
jobs:
  pack:
    runs-on: ubuntu-24.04
    steps:
      - run: |
          find infra/helm -exec touch --date="@$(git log -1 --format=%ct)" {} +
          for chart in soma-infra soma-stack; do
            helm package "infra/helm/$chart" --destination out
          done
  attach:
    needs: pack
    runs-on: ubuntu-24.04
    steps:
      - uses: softprops/action-gh-release@v2
        with:
          files: |
            out/soma-infra-*.tgz
            out/soma-stack-${{ github.ref_name }}.tgz
"""
SUM = {"names": ["{}-1.2.3.tgz"] * 2, "sums": ["a", "a"], "said": "", "differing": []}
PACKED = Packed("", {chart: SUM | {"names": [f"{Path(chart).name}-1.2.3.tgz"] * 2} for chart in CHARTS})
CHART_FILES = [Document(f"{chart}/Chart.yaml", "version: 1.2.3\n") for chart in CHARTS]
POPULATION = [*(chart.path for chart in CHART_FILES), RELEASE_WORKFLOW]


def judged(packed: Packed, workflow: str = GOOD) -> list[str]:
    document = read_workflow(Document(RELEASE_WORKFLOW, workflow))
    findings = irreproducible_packages(packed, CHART_FILES, document, POPULATION)
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


@pytest.mark.parametrize(
    "workflow",
    [
        GOOD,
        BY_HAND,
        GOOD.replace("nox -s packages -- packages", "make package"),
        GOOD.replace("nox -s packages -- packages", "python -m tools.chart_packages"),
        GOOD.replace("nox -s packages -- packages", "./scripts/package-charts.sh"),
    ],
)
def test_a_release_in_order_is_left_in_peace(workflow: str) -> None:
    assert judged(PACKED, workflow) == []


@pytest.mark.parametrize(
    ("workflow", "find", "put", "expected"),
    [
        (GOOD, "nox -s packages -- packages", "nox -s tests", [":2 jobs: no step packs the charts"]),
        (GOOD, "packages/*.tgz ", "", [": no step behind it attaches"] * 2),
        (GOOD, "packages/*.tgz", "packages/soma-infra-*.tgz", [": no step behind it attaches soma-stack-1.2.3.tgz"]),
        (GOOD, "gh release create", "gh pr create", [": no step behind it attaches"] * 2),
        (BY_HAND, " touch ", " ls ", [":9 jobs.pack.steps[0].run: helm packs the time at which the files were cloned"]),
        (BY_HAND, '"infra/helm/$chart"', "infra/helm/soma-infra", [": soma-stack is not packed"]),
        (BY_HAND, "    needs: pack\n", "", [": no step behind it attaches"] * 2),
    ],
)
def test_a_release_that_does_otherwise_is_told(workflow: str, find: str, put: str, expected: list[str]) -> None:
    assert workflow.count(find) == 1
    found = judged(PACKED, workflow.replace(find, put))
    assert len(found) == len(expected), found
    assert all(what in each for each, what in zip(found, expected, strict=True)), found


def test_what_is_absent_or_misnamed_is_told() -> None:
    absent = read_workflow(Document(RELEASE_WORKFLOW, absent=NOT_THERE))
    charts = [Document(chart.path, absent=NOT_THERE) for chart in CHART_FILES]
    findings = irreproducible_packages(Packed("", {}), charts, absent, POPULATION)
    assert [finding.place.file for finding in findings.found] == sorted(POPULATION)
    assert not findings.unexamined
    other = {CHARTS[0]: SUM | {"names": ["infra-1.2.3.tgz"] * 2}, CHARTS[1]: PACKED.charts[CHARTS[1]]}
    assert judged(Packed("", other))[0].endswith("the package is infra-1.2.3.tgz, not soma-infra-<version>.tgz")
