"""Offences against the rules of change are found on real histories, and what is in order is left in peace."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprint.documents import NOT_THERE, Document
from blueprint.history import History
from blueprint.rules.change_management import (
    CHANGELOG,
    PROJECT,
    RELEASE_WORKFLOW,
    disordered_changelog,
    malformed_tags,
    unraised_chart_versions,
    unrecorded_changes,
)
from blueprint.trouble import Trouble
from provision.processes import run
from worlds.recorder import Recorder
from worlds.subject import Subject

GOOD = (Path(__file__).parent / "samples" / "changelog" / "good.md").read_text(encoding="utf-8")
CHART = "infra/helm/soma-stack/Chart.yaml"
PROJECT_TEXT = '[project]\nname = "x"\nversion = "1.10.0"\n'
CHART_TEXT = "apiVersion: v2\nname: soma-stack\nversion: 1.10.0\n"


def offences(page: str, project: str = PROJECT_TEXT, chart: str = CHART_TEXT) -> list[str]:
    documents = Document(CHANGELOG, page), Document(PROJECT, project), [Document(CHART, chart)]
    findings = disordered_changelog(*documents)
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


@pytest.mark.parametrize(
    "page",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("## [Unreleased]\n\n### Added\n\n- A backup of the vector store,\n  every five minutes.\n\n", ""),
        GOOD.replace("[1.10.0] - 2026", "[1.10.0](https://example.org) \u2014 2026"),
        GOOD + "\n## [1.8.0] - 2026-02-01 [YANKED]\n\n### Removed\n\n- Nothing.\n",
    ],
)
def test_a_changelog_in_order_is_left_in_peace(page: str) -> None:
    assert offences(page) == []


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("# Changelog\n", "# News\n", f"{CHANGELOG}:1: the page is headed 'News', not Changelog"),
        ("[1.10.0] - 2026-03-01", "[1.10.0]", f"{CHANGELOG}:12 1.10.0: has no day of the calendar: ''"),
        ("2026-03-01", "2026-02-30", f"{CHANGELOG}:12 1.10.0: has no day of the calendar: '2026-02-30'"),
        ("[1.9.0]", "[1.9]", f"{CHANGELOG}:18 1.9: is neither Unreleased nor a version of three numbers"),
        ("[1.9.0]", "[1.11.0]", f"{CHANGELOG}:18 1.11.0: stands below 1.10.0, which is not newer"),
        ("[1.9.0]", "[1.10.0]", f"{CHANGELOG}:18 1.10.0: stands below 1.10.0, which is not newer"),
        ("2026-02-01", "2026-04-01", f"{CHANGELOG}:18 1.9.0: was released on 2026-04-01, after 1.10.0"),
        ("### Changed", "### Improved", f"{CHANGELOG}:14 1.10.0: 'Improved' is no kind of change"),
        ("- The first charts.", "The first charts.", f"{CHANGELOG}:18 1.9.0: releases nothing: it has no entry"),
    ],
)
def test_an_offence_against_the_form_is_told_on_its_line(find: str, put: str, expected: str) -> None:
    assert GOOD.count(find) == 1
    assert offences(GOOD.replace(find, put)) == [expected]


def test_a_section_for_the_next_release_stands_first() -> None:
    page = GOOD.replace("## [Unreleased]", "## [1.11.0] - 2026-04-01").replace(
        "## [1.9.0] - 2026-02-01", "## Unreleased"
    )
    page = page.replace("[1.11.0]", "[1.10.1]").replace("[1.10.0] - 2026", "[1.10.0] - 2026")
    assert f"{CHANGELOG}:18 Unreleased: Unreleased is not the first section" in offences(page)


@pytest.mark.parametrize(
    ("project", "chart", "expected"),
    [
        (
            PROJECT_TEXT.replace("1.10.0", "1.9.0"),
            CHART_TEXT,
            f"{PROJECT}:3 version: the version is 1.9.0; the newest release in {CHANGELOG} is 1.10.0",
        ),
        (
            PROJECT_TEXT,
            CHART_TEXT.replace("1.10.0", "1.10"),
            f"{CHART}:3 version: the version is 1.1; the newest release in {CHANGELOG} is 1.10.0",
        ),
        (
            PROJECT_TEXT,
            "name: x\n",
            f"{CHART}:1 version: the version is empty; the newest release in {CHANGELOG} is 1.10.0",
        ),
        (
            "[project\n",
            CHART_TEXT,
            f"{PROJECT}:1: is not TOML: Expected ']' at the end of a table declaration (at line 1, column 9)",
        ),
        (
            PROJECT_TEXT,
            "a: [\n",
            f"{CHART}:2: is not YAML: did not find expected node content while parsing a flow node",
        ),
    ],
)
def test_every_version_is_the_newest_release(project: str, chart: str, expected: str) -> None:
    assert offences(GOOD, project, chart) == [expected]


def test_poetry_may_hold_the_version() -> None:
    assert offences(GOOD, '[tool.poetry]\nversion = "1.10.0"\n') == []


def test_what_is_absent_is_told_and_hides_nothing() -> None:
    absent = [Document(path, absent=NOT_THERE) for path in (CHANGELOG, PROJECT, CHART)]
    assert disordered_changelog(absent[0], absent[1], [absent[2]]).found[0].what.startswith("changelog.md is not there")
    found = disordered_changelog(Document(CHANGELOG, "# Changelog\n"), absent[1], [absent[2]]).found
    assert {str(finding.place) for finding in found} == {f"{CHANGELOG}:1", PROJECT, CHART}
    history = History("", (), frozenset({"infra/a.yaml"}), {})
    assert unrecorded_changes(history, absent[0]).found
    assert unraised_chart_versions(history, [absent[2]], [CHART]).found


# Tags and the workflow that they start


def workflow(tags: str) -> Document:
    return Document(RELEASE_WORKFLOW, f"on:\n  push:\n    tags: {tags}\n")


@pytest.mark.parametrize(
    "tags", ["['v[0-9]+.[0-9]+.[0-9]+']", "['v*']", "v*.*.*", "['**', '!latest', '![0-9]**', '!*-*']", "['v1?0.**']"]
)
def test_a_release_starts_on_a_tag_of_the_form(tags: str) -> None:
    assert malformed_tags(["v1.0.0", "v1.10.0"], workflow(tags)).found == ()


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ("['release-*']", "no push of a tag such as v10.2.3 starts a release"),
        ("[]", "no push of a tag such as v10.2.3 starts a release"),
        ("['v[0-9].*', '!v10*']", "no push of a tag such as v10.2.3 starts a release"),
        ("['[v-']", "no push of a tag such as v10.2.3 starts a release"),
        ("['*.*.*', '!soma*', '!release*']", "a push of the tag 10.2.3 starts a release too"),
    ],
)
def test_a_release_that_starts_otherwise_is_told(tags: str, what: str) -> None:
    findings = malformed_tags([], workflow(tags))
    assert [(finding.what, finding.place.line) for finding in findings.found] == [(what, 3)]


def test_malformed_tags_are_told_by_name() -> None:
    findings = malformed_tags(["v1.0.0", "1.0.1", "v1.0"], workflow("['v*']"))
    assert [finding.place.key for finding in findings.found] == ["tag 1.0.1", "tag v1.0"]


def test_a_release_workflow_that_is_absent_or_broken_is_told() -> None:
    assert malformed_tags([], Document(RELEASE_WORKFLOW, absent=NOT_THERE)).found
    assert malformed_tags([], Document(RELEASE_WORKFLOW, "a: b: c\n")).found[0].place.line == 1
    assert malformed_tags([], Document(RELEASE_WORKFLOW, "")).found


# Histories


class Repository:
    """A checkout with a history, and what the rules find in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write(PROJECT, PROJECT_TEXT)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        """What a git command prints."""
        names = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", **names}
        return run(("git", *arguments), cwd=self.root, env=environment).stdout

    def write(self, path: str, text: str) -> None:
        """Put a file into the working tree."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def commit(self, **files: str) -> None:
        """Commit the working tree, with these files put into it."""
        for path, text in files.items():
            self.write(path, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")

    def found(self) -> tuple[bool, bool]:
        """Whether a change lacks its entry, and whether a chart lacks its version."""
        with tempfile.TemporaryDirectory() as folder, Recorder(Path(folder) / "evidence.jsonl") as recorder:
            subject = Subject(self.root, recorder)
            history = subject.history(CHANGELOG)
            entries = unrecorded_changes(history, subject.read(CHANGELOG))
            charts = [subject.read(path) for path in subject.files("infra/helm/*/Chart.yaml")]
            versions = unraised_chart_versions(history, charts, subject.listed("infra/helm/*/Chart.yaml"))
            assert not entries.unexamined
            assert not versions.unexamined
        return bool(entries.found), bool(versions.found)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One release, v1.0.0, with a chart and a changelog."""
    made = Repository(tmp_path)
    made.write(CHART, "version: 1.0.0\n")
    made.write("infra/helm/soma-stack/templates/a.yaml", "a: 1\n")
    made.write(CHANGELOG, "# Changelog\n\n## [1.0.0] - 2026-01-01\n\n### Added\n\n- The chart.\n")
    made.commit()
    made.git("tag", "--annotate", "--message=one", "v1.0.0")
    made.commit()
    return made


def entry(text: str = "A change.", after: str = "# Changelog\n") -> Callable[[str], str]:
    return lambda page: page.replace(after, f"{after}\n## [Unreleased]\n\n### Changed\n\n- {text}\n")


def amend(repository: Repository, path: str, how: Callable[[str], str]) -> None:
    repository.write(path, how((repository.root / path).read_text(encoding="utf-8")))


def test_nothing_changed_owes_nothing(repository: Repository) -> None:
    assert repository.found() == (False, False)


def test_a_change_owes_an_entry_and_a_chart_a_version(repository: Repository) -> None:
    repository.write("infra/helm/soma-stack/templates/a.yaml", "a: 2\n")
    assert repository.found() == (True, True), "what is not committed yet counts"
    repository.commit()
    assert repository.found() == (True, True)
    amend(repository, CHANGELOG, entry())
    assert repository.found() == (False, True)
    repository.write(CHART, "version: 1.0.1-rc.1\n")
    assert repository.found() == (False, False)


def test_a_lower_version_is_none(repository: Repository) -> None:
    repository.commit(**{CHART: "version: 0.9.0\n"})
    assert repository.found() == (True, True)


def test_an_old_entry_said_again_says_nothing(repository: Repository) -> None:
    repository.commit(**{"infra/compose.yaml": "a: 2\n"})
    amend(repository, CHANGELOG, entry("The chart."))
    assert repository.found() == (True, False)


def test_an_entry_under_an_old_release_says_nothing(repository: Repository) -> None:
    repository.commit(**{"infra/compose.yaml": "a: 2\n"})
    amend(repository, CHANGELOG, lambda page: page + "- Something else.\n")
    assert repository.found() == (True, False)


def test_a_change_that_was_taken_back_owes_nothing(repository: Repository) -> None:
    repository.commit(**{"infra/helm/soma-stack/templates/a.yaml": "a: 2\n"})
    repository.git("revert", "--no-edit", "HEAD")
    assert repository.found() == (False, False)


def test_a_change_that_was_merged_owes_as_any_other(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "branch", "v1.0.0")
    repository.commit(**{"infra/helm/soma-stack/templates/b.yaml": "b: 1\n"})
    repository.git("switch", "--quiet", "main")
    assert repository.found() == (False, False)
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", "branch")
    assert repository.found() == (True, True)


def test_a_file_that_is_gone_is_a_change(repository: Repository) -> None:
    (repository.root / "infra/helm/soma-stack/templates/a.yaml").unlink()
    assert repository.found() == (True, True)


def test_other_line_ends_are_no_change(repository: Repository) -> None:
    (repository.root / CHART).write_bytes(b"version: 1.0.0\r\n")
    assert repository.found() == (False, False)


def test_a_release_is_judged_by_what_it_brings(repository: Repository) -> None:
    repository.commit(**{"infra/helm/soma-stack/templates/a.yaml": "a: 2\n", CHART: "version: 1.1.0\n"})
    repository.git("tag", "v1.1.0")
    assert repository.found() == (True, False), "the tag on HEAD is the release that is being made"
    repository.commit()
    assert repository.found() == (False, False)


def test_tags_of_other_forms_and_of_other_branches_are_no_release(repository: Repository) -> None:
    repository.commit(**{"infra/helm/soma-stack/templates/a.yaml": "a: 2\n"})
    repository.git("tag", "nightly")
    repository.git("switch", "--quiet", "--create", "branch")
    repository.commit()
    repository.git("tag", "v9.0.0")
    repository.git("switch", "--quiet", "main")
    repository.commit()
    assert repository.found() == (True, True)


def test_without_a_tag_all_of_it_counts(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.commit(**{CHANGELOG: "# Changelog\n", CHART: "version: 0.1.0\n"})
    assert repository.found() == (True, False)
    amend(repository, CHANGELOG, entry())
    assert repository.found() == (False, False)


def test_without_a_tag_a_chart_is_held_against_the_root_commit(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    template = "infra/helm/soma-stack/templates/a.yaml"
    repository.commit(**{CHANGELOG: entry()("# Changelog\n"), CHART: "version: 0.1.0\n", template: "a: 1\n"})
    assert repository.found() == (False, False), "one commit is the first version of all"
    repository.write(template, "a: 2\n")
    assert repository.found() == (False, True)
    repository.commit()
    assert repository.found() == (False, True)
    repository.write(CHART, "version: 0.1.1\n")
    assert repository.found() == (False, False)
    repository.write("infra/helm/soma-infra/Chart.yaml", "version: 0.1.0\n")
    assert repository.found() == (False, False), "a chart that was not in the root commit has its first version"
    repository.write(CHART, "version: v0.1.1\n")
    assert repository.found() == (False, True), "and that is a version in any case"


def test_a_shallow_clone_is_told_how_to_fetch(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = tmp_path_factory.mktemp("clone") / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(clone))
    told = pytest.raises(Trouble, match=r"the clone is shallow(.|\n)*next: git fetch --unshallow --tags")
    with Recorder(tmp_path_factory.mktemp("out") / "evidence.jsonl") as recorder, told:
        Subject(clone, recorder).history(CHANGELOG)


@pytest.mark.parametrize("initialised", [True, False])
def test_a_checkout_without_a_history_says_so(tmp_path: Path, *, initialised: bool) -> None:
    if initialised:
        Repository(tmp_path)
    told = pytest.raises(Trouble, match="has no commit" if initialised else "has no history")
    with Recorder(tmp_path / "evidence.jsonl") as recorder, told:
        Subject(tmp_path, recorder).history(CHANGELOG)


@pytest.fixture(scope="module")
def folders() -> Iterator[Callable[[], Path]]:
    """A new empty folder at every call."""
    with tempfile.TemporaryDirectory() as folder:
        count = iter(range(10_000))

        def new() -> Path:
            path = Path(folder, str(next(count)))
            path.mkdir()
            return path

        yield new


STEPS = st.lists(
    st.sampled_from(["chart", "raise", "lower", "other", "entry", "back", "merge", "tag", "odd tag"]), max_size=7
)


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_any_history_is_judged_as_its_steps_say(folders: Callable[[], Path], steps: list[str]) -> None:
    """A model of eight lines keeps the books beside git, for histories that nobody thought of."""
    repository = Repository(folders())
    page, template, minor, other = "# Changelog\n", 0, 0, 0
    released: tuple[str, int, int, int] | None = None
    tags = 0

    def commit(*, merged: bool = False) -> None:
        chart = {CHART: f"version: 0.{minor}.0\n", "infra/helm/soma-stack/templates/a.yaml": f"a: {template}\n"}
        if merged:
            repository.git("switch", "--quiet", "--force-create", "branch")
        repository.commit(**chart, **{CHANGELOG: page, "infra/other.yaml": f"b: {other}\n"})
        if merged:
            repository.git("switch", "--quiet", "main")
            repository.git("merge", "--quiet", "--no-ff", "--message=merge", "branch")

    commit()
    for number, step in enumerate(steps):
        template += step in {"chart", "merge"}
        minor += {"raise": 1, "lower": -1 if minor else 0}.get(step, 0)
        other += step == "other"
        if step == "back" and released:
            page, template, minor, other = released
        if step == "entry":
            page = entry(f"Change {number}.")(page)
        commit(merged=step == "merge")
        if step == "tag":
            tags += 1
            released = page, template, minor, other
            repository.git("tag", f"v0.{tags}.0")
            repository.commit()
        elif step == "odd tag":
            repository.git("tag", f"nightly-{number}")
    old = released or ("", 0, 0, 0)
    differs = released is None or (template, minor, other) != old[1:]
    chart_differs = (template, minor) != old[1:3]  # without a release, from the root commit
    assert repository.found() == (
        differs and page.count("- Change") <= old[0].count("- Change"),
        chart_differs and minor <= old[2],
    )
