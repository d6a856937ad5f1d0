"""Chapter DOC: the documentation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules import doc_names, documentation, links, markdown_style, workflow_names

if TYPE_CHECKING:
    from worlds.subject import Subject


@pytest.mark.proves("DOC-001")
def test_the_blueprint_page_opens_with_its_front_matter(subject: Subject, conclude: Callable[[Findings], None]) -> None:
    """The blueprint page has title, slug, version, review date, audience, owner, reviewers, prerequisites, checks."""
    conclude(documentation.malformed_front_matter(subject.read(documentation.BLUEPRINT_PAGE)))


@pytest.mark.proves("DOC-002")
def test_the_blueprint_page_was_reviewed_lately(
    subject: Subject, as_of: date, conclude: Callable[[Findings], None]
) -> None:
    """The blueprint page was reviewed within the last quarter."""
    conclude(documentation.overdue_review(subject.read(documentation.BLUEPRINT_PAGE), as_of))


@pytest.mark.proves("DOC-003")
def test_no_link_is_dead(
    subject: Subject,
    markdown_files: tuple[Document, ...],
    markdown_population: frozenset[str],
    built_site: dict[str, Any] | None,
    conclude: Callable[[Findings], None],
) -> None:
    """Every relative link, anchor and entry of the navigation leads to what is there; our own site builds strictly."""
    tree = links.Tree(subject.paths(), subject.nearest)
    findings = links.dead_links(markdown_files, subject.read(links.SITE), tree, markdown_population)
    conclude(findings | links.unbuilt_site(**built_site) if built_site else findings)


@pytest.mark.proves("DOC-004")
def test_markdown_is_clean(
    markdown_files: tuple[Document, ...],
    markdown_problems: dict[str, list[markdown_style.MarkdownProblem]],
    markdown_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """Every Markdown page is clean under our linter and its settings."""
    conclude(markdown_style.unclean_pages(markdown_files, markdown_problems, markdown_population))


@pytest.mark.proves("DOC-005")
def test_what_pages_name_is_there(
    named_pages: tuple[Document, ...],
    page_surroundings: workflow_names.Surroundings,
    deployed: doc_names.Deployment,
    named_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """Every path, service, port and command that the pages name exists."""
    conclude(doc_names.unknown_names(named_pages, page_surroundings, deployed, named_population))
