"""The subject is read within bounds, and a hostile one neither runs anything nor holds the reader up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.evidence import JSON, Observation
from blueprint.trouble import Trouble
from provision.processes import run
from worlds import checkout, git
from worlds.subject import NOT_COUNTED, OURS, Subject, subject_root


class Notebook:
    """A recorder that only counts."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.citations: list[str] = []

    def look(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Observation:
        """Act and count."""
        self.looks.append(target)
        return Observation(f"o{len(self.looks)}", "", "", target, asked, act(), 0.0)

    def cite(self, *observation_ids: str) -> None:
        """Keep the ids."""
        self.citations += observation_ids

    @contextmanager
    def session(self) -> Iterator[None]:
        """Nothing to change: there is one scope."""
        yield


def write(root: Path, name: str, text: str = "") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def subject_of(root: Path) -> Subject:
    return Subject(root, Notebook())


def git_init(root: Path) -> Callable[..., str]:
    identity = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    names = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def command(*arguments: str) -> str:
        return run(("git", *arguments), cwd=root, env=identity | names).stdout

    command("init", "--quiet", "--initial-branch=main")
    return command


# Reading


def test_a_file_is_read_once_and_cited_afterwards(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "one\r\n")
    notebook = Notebook()
    subject = Subject(tmp_path, notebook)
    assert subject.read("a.md").text == "one\r\n"
    assert subject.read("./a.md").text == "one\r\n"
    assert notebook.looks == ["file:a.md"]
    assert notebook.citations == ["o1", "o1"]


def test_ids_of_the_looks_behind_a_result_can_be_collected(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    subject = subject_of(tmp_path)
    subject.read("a.md")
    with subject.cited() as ids:
        subject.read("a.md")
    subject.read("a.md")
    assert ids == ["o1"]


@pytest.mark.parametrize(
    ("there", "asked", "nearest"),
    [
        ("infra/docker-compose.yaml", "infra/docker-compose.somaagent01.yaml", "infra/docker-compose.yaml"),
        ("Docs/Changelog.md", "docs/changelog.md", "Docs/Changelog.md"),
        ("CHANGELOG.md", "docs/changelog.md", "CHANGELOG.md"),
        ("helm/soma-infra/Chart.yaml", "infra/helm/soma-infra", "helm/soma-infra"),
        ("zzz.bin", "docs/changelog.md", ""),
    ],
)
def test_what_is_absent_is_told_with_the_nearest_thing_that_is_there(
    tmp_path: Path, there: str, asked: str, nearest: str
) -> None:
    write(tmp_path, there)
    document = subject_of(tmp_path).read(asked)
    assert not document
    assert (document.absent, document.nearest) == ("is not there", nearest)
    assert (nearest or "nothing like it is there") in document.absence().what


def test_the_searches_for_what_is_nearest_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "docs/page.md")
    monkeypatch.setattr("worlds.subject.MOST_SEARCHES", 2)
    subject = subject_of(tmp_path)
    assert [subject.nearest(f"docs/page.{end}") for end in ("mdx", "mdy", "mdz", "mdx")] == [
        *("docs/page.md", "docs/page.md", "", "docs/page.md"),
    ]


def test_an_empty_directory_has_nothing_near(tmp_path: Path) -> None:
    subject = subject_of(tmp_path)
    assert not subject.files()
    assert not subject.listed()
    assert subject.read("docs/changelog.md").nearest == ""


def test_directories_exist_and_are_no_text(tmp_path: Path) -> None:
    write(tmp_path, "infra/helm/a.yaml")
    subject = subject_of(tmp_path)
    assert subject.exists("infra/helm/")
    assert not subject.exists("infra/hel")
    assert subject.read("infra").absent == "is a directory"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a: 1\nb: caf\xe9\n", "is not UTF-8: byte 0xe9 on line 2"),
        ("a: 1\n".encode("utf-16"), "is written in UTF-16, where UTF-8 is read"),
        (b"\x7fELF\0\0", "is binary"),
    ],
)
def test_bytes_that_are_no_text_say_so(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.yaml").write_bytes(data)
    assert subject_of(tmp_path).read("a.yaml").absent == reason


def test_a_byte_order_mark_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert subject_of(tmp_path).read("a.yaml").text == "\ufeffa: 1\n"


# Hostile trees


def test_a_link_out_of_the_tree_is_named_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "outside/secret.yaml", "key: secret\n")
    root = tmp_path / "tree"
    write(root, "inside.yaml", "a: 1\n")
    (root / "out.yaml").symlink_to(tmp_path / "outside" / "secret.yaml")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "fine.yaml").symlink_to("inside.yaml")
    subject = subject_of(root)
    leads_out = "is reached by a symbolic link that leads out of the checkout"
    assert subject.files("*.yaml") == ("fine.yaml", "inside.yaml", "out.yaml")
    assert subject.notes == {"out.yaml": leads_out, "folder": leads_out}
    assert subject.read("out.yaml").absent == leads_out
    assert subject.read("folder/secret.yaml").absent == leads_out
    assert subject.read("fine.yaml").text == "a: 1\n"


@pytest.mark.parametrize("path", ["../outside.yaml", "/etc/hostname", "a/../../outside.yaml"])
def test_a_path_out_of_the_tree_is_refused(tmp_path: Path, path: str) -> None:
    write(tmp_path, "outside.yaml")
    root = write(tmp_path, "tree/a/b.yaml").parent.parent
    assert subject_of(root).read(path).absent == "leads out of the checkout"


def test_a_root_whose_name_begins_like_another_is_no_way_out(tmp_path: Path) -> None:
    write(tmp_path, "tree-and-more/secret.yaml")
    root = tmp_path / "tree"
    root.mkdir()
    (root / "link.yaml").symlink_to(tmp_path / "tree-and-more" / "secret.yaml")
    assert "leads out" in subject_of(root).read("link.yaml").absent


def test_loops_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    (tmp_path / "down").symlink_to(".")
    (tmp_path / "gone.yaml").symlink_to("nothing")
    subject = subject_of(tmp_path)
    assert subject.files() == ("a.yaml", "b.yaml", "down", "gone.yaml")
    assert subject.read("a.yaml").absent == "is a symbolic link that leads to itself"
    assert subject.read("gone.yaml").absent == "is a symbolic link to nothing"
    assert subject.notes["down"] == "is a symbolic link to something that is no file"


def test_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    subject = subject_of(tmp_path)
    assert subject.notes == {"pipe.yaml": "is neither a file nor a directory"}
    assert subject.read("pipe.yaml").absent == "is neither a file nor a directory"


@pytest.mark.parametrize("name", [".gitignore", "pipe"])
def test_a_pipe_holds_git_up_neither(tmp_path: Path, name: str) -> None:
    git_init(tmp_path)
    write(tmp_path, "a.yaml")
    os.mkfifo(tmp_path / name)
    assert subject_of(tmp_path).listed("*.yaml") == ("a.yaml",)


def test_a_file_of_100_megabytes_is_passed_over(tmp_path: Path) -> None:
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert subject_of(tmp_path).read("big.yaml").absent.startswith("is too large to be read: 104,857,600 bytes")


def test_a_file_that_may_not_be_opened_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.yaml")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root, who may run this, can open everything
    assert subject_of(tmp_path).read("a.yaml").absent == "cannot be read: Permission denied"


def test_names_that_are_no_plain_text_are_spelled(tmp_path: Path) -> None:
    names = [b"new\nline.yaml", b"caf\xe9.yaml", b"<b>bold.yaml", b"back\\slash.yaml", "für.yaml".encode()]
    for name in names:
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_text("a: 1\n", encoding="utf-8")
    git_init(tmp_path)("add", ".")
    subject = subject_of(tmp_path)
    spelled = ("<b>bold.yaml", "back\\\\slash.yaml", "caf\\xe9.yaml", "für.yaml", "new\\nline.yaml")
    assert subject.files() == spelled
    assert subject.listed() == spelled
    assert {subject.read(path).text for path in spelled} == {"a: 1\n"}


_NAMES = st.text(st.sampled_from(["a", "\\", "n", "\n", "x", "9", "e", "\udce9", "é"]), max_size=4)


@given(_NAMES, _NAMES)
def test_every_name_is_spelled_in_print_and_never_like_another(one: str, other: str) -> None:
    assert checkout.spelled(one).isprintable()
    assert (checkout.spelled(one) == checkout.spelled(other)) == (one == other)


def test_a_walk_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        write(tmp_path, f"{number}.yaml")
    monkeypatch.setattr(checkout, "MOST_ENTRIES", 5)
    subject = subject_of(tmp_path)
    assert len(subject.files()) == 5
    assert NOT_COUNTED in subject.listed()


def test_a_deep_tree_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "DEEPEST", 2)
    write(tmp_path, "a/b/c/d.yaml")
    subject = subject_of(tmp_path)
    assert subject.files() == ()
    assert subject.notes == {"a/b/c": "lies too deep"}


def test_dependencies_and_checkouts_within_are_not_entered(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/x/package.yaml")
    write(tmp_path, "vendored/.git/HEAD")
    write(tmp_path, "vendored/a.yaml")
    subject = subject_of(tmp_path)
    assert subject.files() == ()
    assert subject.notes == {"vendored": "is a checkout of its own"}


# Git


def test_git_lists_what_is_tracked_and_what_is_new_but_not_what_is_ignored(tmp_path: Path) -> None:
    command = git_init(tmp_path)
    for name in ("a.yaml", "gone.yaml", "new.yaml", "ignored.yaml", "cache/x.yaml"):
        write(tmp_path, name)
    write(tmp_path, ".gitignore", "ignored.yaml\ncache/\n")
    command("add", ".gitignore", "a.yaml", "gone.yaml")
    (tmp_path / "gone.yaml").unlink()
    subject = subject_of(tmp_path)
    assert subject.files("*.yaml", "**/*.yaml") == ("a.yaml", "new.yaml")
    assert subject.listed("*.yaml", "**/*.yaml") == ("a.yaml", "new.yaml")


def test_git_says_what_it_would_ignore(tmp_path: Path) -> None:
    asked = ("out/a/b.txt", "kept.txt", "odd\\n.txt", "../elsewhere")
    assert subject_of(tmp_path).ignored(asked) == frozenset()
    git_init(tmp_path)
    assert subject_of(tmp_path).ignored(asked) == frozenset()
    write(tmp_path, ".gitignore", "out/\n")
    assert subject_of(tmp_path).ignored(asked) == {"out/a/b.txt"}


def test_a_tracked_link_out_of_the_tree_counts_among_the_population(tmp_path: Path) -> None:
    command = git_init(tmp_path)
    (tmp_path / "out.yaml").symlink_to("/etc/hostname")
    command("add", ".")
    subject = subject_of(tmp_path)
    assert subject.files() == ("out.yaml",)
    assert subject.listed() == ("out.yaml",)


def test_nothing_that_the_configuration_of_a_checkout_names_is_run(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    write(root, "a.yaml", "a: 1\n")
    write(root, ".gitattributes", "*.yaml filter=evil diff=evil\n")
    command = git_init(root)
    command("add", ".")
    command("commit", "--quiet", "--message=first")
    proof = tmp_path / "was-run"
    script = write(tmp_path, "evil.sh", f"#!/bin/sh\ntouch '{proof}'\n")
    script.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "gpg.program", "diff.external"),
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv"),
    ):
        command("config", key, str(script))
    command("config", "log.showSignature", "true")
    write(root, ".git/hooks/post-index-change", script.read_text()).chmod(0o755)
    write(root, "a.yaml", "a: 2\n")
    assert subject_of(root).listed("*.yaml") == ("a.yaml",)
    with git.borrowed(root) as asked:
        assert "first" in asked("log", "--patch", "--format=%s").stdout
    assert not proof.exists()


def test_a_worktree_is_read_through_its_pointer(tmp_path: Path) -> None:
    main = tmp_path / "main"
    write(main, "a.yaml")
    command = git_init(main)
    command("add", ".")
    command("commit", "--quiet", "--message=first")
    command("worktree", "add", "--quiet", str(tmp_path / "second"))
    assert subject_of(tmp_path / "second").listed() == ("a.yaml",)


@pytest.mark.parametrize("marker", ["gitdir: /nowhere\n", "", "gitdir: .\n"])
def test_a_broken_git_directory_leaves_the_walk(tmp_path: Path, marker: str) -> None:
    write(tmp_path, "a.yaml")
    write(tmp_path, ".git", marker)
    assert subject_of(tmp_path).listed("*.yaml") == ("a.yaml",)


def test_the_default_branch_is_what_a_clone_would_check_out(tmp_path: Path) -> None:
    assert subject_of(tmp_path).default_branch == "main"
    write(tmp_path, "a.yaml")
    command = git_init(tmp_path)
    command("switch", "--quiet", "--create", "trunk")
    assert subject_of(tmp_path).default_branch == "trunk"
    command("add", ".")
    command("commit", "--quiet", "--message=first")
    command("branch", "master")
    assert subject_of(tmp_path).default_branch == "master"
    command("pack-refs", "--all")
    assert subject_of(tmp_path).default_branch == "master"
    command("update-ref", "refs/remotes/origin/next", "HEAD")
    command("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/next")
    assert subject_of(tmp_path).default_branch == "next"


# The root


def test_this_repository_is_the_subject_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SOMA_SUBJECT", raising=False)
    assert subject_root() == OURS
    monkeypatch.setenv("SOMA_SUBJECT", str(tmp_path))
    assert subject_root() == tmp_path
    assert subject_root(OURS) == OURS


def test_a_subject_that_is_not_there_or_is_a_file_is_told_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"does not exist\n  next: SOMA_SUBJECT="):
        subject_root(tmp_path / "nothing")
    with pytest.raises(Trouble, match="is a file"):
        subject_root(write(tmp_path, "file"))
    with pytest.raises(Trouble, match="does not exist"):
        subject_root("with\0zero")
