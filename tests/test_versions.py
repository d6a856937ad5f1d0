"""Versions have the form and the order of semver, changelogs the form of Keep a Changelog."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.changelog import read_changelog
from blueprint.versions import Version, read_release_tag, read_version

ASCENDING = (
    *("0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"),
    *("1.0.0-rc.1", "1.0.0", "1.0.1-0", "1.0.1-1a", "1.0.1", "1.2.0", "1.10.0", "2.0.0"),
)
_LABELS = st.lists(st.sampled_from(["0", "1", "2", "11", "a", "alpha", "-", "1a"]), max_size=3)
VERSIONS = st.builds(
    Version, st.tuples(*[st.integers(0, 3)] * 3), _LABELS.map(tuple), st.sampled_from(["", "5", "b.1"])
)


def version(text: str) -> Version:
    found = read_version(text)
    assert found
    return found


def test_the_order_is_that_of_semver() -> None:
    for lower, higher in pairwise(ASCENDING):
        assert version(lower) < version(higher)
        assert not version(higher) < version(lower)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total(one: Version, two: Version, three: Version) -> None:
    assert (one < two) + (two < one) + (one == two) == 1
    assert one == two or hash(one) != hash(two) or str(one).partition("+")[0] == str(two).partition("+")[0]
    lowest, middle, highest = sorted((one, two, three))
    assert lowest <= middle <= highest
    assert lowest <= highest


@given(VERSIONS)
def test_a_version_is_read_as_it_is_written(one: Version) -> None:
    assert version(str(one)).build == one.build
    assert version(str(one)) == one


@pytest.mark.parametrize(
    "text", ["1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0 ", "\u0661.0.0", ""]
)
def test_other_forms_are_no_version(text: str) -> None:
    assert read_version(text) is None


@pytest.mark.parametrize(
    "tag", ["1.0.0", "v1.0", "v1.0.0-rc.1", "v1.0.0+b", "V1.0.0", "v01.0.0", "soma-v1.0.0", "v1.0.0\n"]
)
def test_other_forms_release_nothing(tag: str) -> None:
    assert read_release_tag(tag) is None
    assert read_release_tag("v10.0.1") == Version((10, 0, 1))


CHANGELOG = """\
# Changelog

## [Unreleased]
### Added
- one
  and a half
* two

```text
## [9.9.9] - 2020-01-01
- no entry
```
<!--
## [8.8.8] - 2020-01-01
-->
## [1.1.0](https://example.org) - 2026-01-02 [YANKED]
- three
## v1.0.0
## Some words
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_changelog_is_read_with_its_lines(ends: str) -> None:
    page = read_changelog(CHANGELOG.replace("\n", ends))
    assert page.title == "Changelog"
    assert [(section.name, section.line) for section in page.sections] == [
        *(("Unreleased", 3), ("1.1.0", 16), ("v1.0.0", 18), ("Some words", 19)),
    ]
    assert [(entry.text, entry.line) for entry in page.entries()] == [("one and a half", 5), ("two", 7), ("three", 17)]
    assert page.newest
    assert page.newest.name == "1.1.0"
    assert page.newest.day == "2026-01-02"
    assert page.sections[0].kinds == [("Added", 4)]
    assert page.sections[2].version == Version((1, 0, 0))
    assert page.sections[3].version is None


@given(
    st.lists(
        st.sampled_from(
            ["# Changelog", "## [Unreleased]", "## [1.0.0] - 2026-01-01", "- a", "  b", "```", "<!--", "-->", ""]
        )
    )
)
def test_every_entry_is_in_a_section_above_it(lines: list[str]) -> None:
    page = read_changelog("\n".join(lines))
    places = [
        place for section in page.sections for place in (section.line, *(entry.line for entry in section.entries))
    ]
    assert places == sorted(set(places))
    assert all(1 <= place <= len(lines) for place in places)
