"""Links, anchors and entries of the navigation that lead nowhere are found; those that lead somewhere are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.documents import NOT_THERE, Document
from blueprint.markdown_page import read_page
from blueprint.rules.links import Tree, dead_links, unbuilt_site
from worlds.site import build_strictly

PAGES = {
    "README.md": "# Read me\n\n[docs](docs/index.md)\n",
    "docs/index.md": """\
---
title: "[no link](nowhere.md)"
---

# Start & stop: the `up` order

[a](manual/run.md), [b](manual/run.md#log-collection), ![picture](a%20picture.png), <https://example.org/x>,
[c][ref], [d](#start-stop-the-up-order) [e](#start--stop-the-up-order) <a href="manual/run.md?raw=1">f</a>
[g](mailto:someone@example.org) [h](//example.org/x) [i](#top) `[code](nowhere.md)`

```text
[code](nowhere.md)
```

[ref]: manual/ "a folder"
""",
    "docs/manual/run.md": "## Log collection\n\n## Log collection\n\n<a id='here'></a>\n\n## Other { #own }\n\n"
    "[up](../index.md) [again](#log-collection-1) [mkdocs](#log-collection_1) [id](#here) [own](#own)\n",
}
SITE = "site_name: x\nnav:\n  - index.md\n  - Manual:\n      - Run: manual/run.md\n  - Elsewhere: https://example.org\n"
FILES = {*PAGES, "docs/a picture.png", "infra/a.yaml", "mkdocs.yml"}
TREE = Tree(FILES | {".", "docs", "docs/manual", "infra"}, lambda path: "docs/manual/run.md" if "run" in path else "")


def offences(pages: dict[str, str], site: str = SITE) -> list[str]:
    documents = [Document(path, text) for path, text in pages.items()]
    findings = dead_links(documents, Document("mkdocs.yml", site), TREE, pages)
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


def test_what_leads_somewhere_is_left_in_peace() -> None:
    assert offences(PAGES) == []
    crlf = {path: text.replace("\n", "\r\n") for path, text in PAGES.items()}
    assert offences(crlf) == []


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        (
            "docs/index.md",
            "[x](manual/runs.md)",
            "manual/runs.md: manual/runs.md is not there; the nearest is docs/manual/run.md",
        ),
        (
            "docs/index.md",
            "[x](Manual/run.md)",
            "Manual/run.md: Manual/run.md is not there; the nearest is docs/manual/run.md",
        ),
        ("docs/index.md", "![x](other.png)", "other.png: other.png is not there"),
        ("docs/index.md", '<img src="other.png">', "other.png: other.png is not there"),
        ("docs/index.md", "[x]\n\n[x]: gone.md", "gone.md: gone.md is not there"),
        ("docs/index.md", "[x](manual/run.md#log)", "manual/run.md#log: docs/manual/run.md has no heading #log"),
        (
            "docs/index.md",
            "[x](manual/run.md#other-one)",
            "manual/run.md#other-one: docs/manual/run.md has no heading #other-one; the nearest is #other",
        ),
        ("docs/index.md", "[x](#nowhere)", "#nowhere: docs/index.md has no heading #nowhere"),
        ("docs/index.md", "[x]()", ": the link is empty"),
        ("docs/index.md", "[x](../../../etc/hostname)", "../../../etc/hostname: the link leads out of the checkout"),
        (
            "docs/index.md",
            "[x](../infra/a.yaml)",
            "../infra/a.yaml: infra/a.yaml is no page of the site, so the link is dead there",
        ),
        ("README.md", "[x](/docs/gone.md)", "/docs/gone.md: /docs/gone.md is not there"),
    ],
)
def test_a_link_that_leads_nowhere_is_told_on_its_line(page: str, link: str, expected: str) -> None:
    line = PAGES[page].count("\n") + 2
    found = offences(PAGES | {page: f"{PAGES[page]}\ntext\n{link}\n"})
    assert found == [f"{page}:{line + 1} {expected}".replace(" : ", ": ")]


def test_a_page_outside_the_site_may_link_to_all_of_the_tree() -> None:
    assert offences(PAGES | {"README.md": "[x](infra/a.yaml) [y](/docs/index.md) [z](./) [w](/)\n"}) == []


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("- index.md", "- start.md", "mkdocs.yml:3 nav: start.md is not there"),
        (
            "manual/run.md",
            "manual/runs.md",
            "mkdocs.yml:5 nav: manual/runs.md is not there; the nearest is docs/manual/run.md",
        ),
        ("- index.md", "- index.md: []\n    x: [", "mkdocs.yml:"),
    ],
)
def test_an_entry_of_the_navigation_that_leads_nowhere_is_told(find: str, put: str, expected: str) -> None:
    found = offences(PAGES, SITE.replace(find, put))
    assert found
    assert found[0].startswith(expected)


def test_settings_that_execute_elsewhere_are_only_read() -> None:
    assert offences(PAGES, SITE + "x: !!python/name:os.system\n") == []


def test_what_is_absent_is_told() -> None:
    absent = Document("mkdocs.yml", absent=NOT_THERE)
    pages = [Document("README.md", "[x](gone.md)"), Document("docs/a.md", absent="is binary")]
    findings = dead_links(pages, absent, TREE, ["README.md", "docs/a.md", "docs/b.md"])
    assert [str(finding.place) for finding in findings.found] == ["README.md:1 gone.md", "docs/a.md", "mkdocs.yml"]
    assert findings.unexamined == {"docs/b.md"}


def test_a_site_that_does_not_build_strictly_is_told(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Start\n", encoding="utf-8")
    settings = tmp_path / "mkdocs.yml"
    settings.write_text("site_name: x\nnav: [index.md]\n", encoding="utf-8")
    assert unbuilt_site(**built(tmp_path)).found == ()
    assert unbuilt_site(**built(tmp_path)).observed == "MkDocs builds the site strictly"
    (tmp_path / "docs" / "index.md").write_text("# Start\n\n[x](gone.md)\n", encoding="utf-8")
    found = unbuilt_site(**built(tmp_path)).found
    assert len(found) == 1
    assert "'gone.md'" in found[0].what
    settings.write_text("site_name: x\nplugins: [no-such-plugin]\n", encoding="utf-8")
    assert unbuilt_site(**built(tmp_path)).found
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "mkdocs.yml"]


def built(root: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", build_strictly(root, "mkdocs.yml"))


@pytest.mark.parametrize("text", ["[" * 200_000, "*a " * 100_000, "![[" * 100_000, "x\n" * 1_000_000, "> " * 100_000])
def test_hostile_pages_are_refused_or_cost_nothing(text: str) -> None:
    page = read_page(text)
    assert page.refused or not page.links
    assert offences({"README.md": text}) == ([f"README.md: {page.refused}"] if page.refused else [])


@given(st.text(st.sampled_from(list("[]()<>a#!`*_:/\\\n -.&\"'=\x00é{}")), max_size=50))
def test_no_text_breaks_the_reader(text: str) -> None:
    page = read_page(text)
    assert all(1 <= link.line <= text.count("\n") + 1 for link in page.links)
    offences({"README.md": text})
