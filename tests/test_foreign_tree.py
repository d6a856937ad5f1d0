"""The tree of the bench is as large as its figure says."""

from __future__ import annotations

from pathlib import Path

from tests.foreign_tree import FILES, TEMPLATES, YAML_FILES, build


def test_the_tree_is_as_large_as_real_ones(tmp_path: Path) -> None:
    names = [path.relative_to(tmp_path) for path in build(tmp_path, "services: {}\n").rglob("*") if path.is_file()]
    templates = [name for name in names if "templates" in name.parts]
    yaml = [name for name in names if name.suffix in {".yaml", ".yml"} and name not in templates]
    assert (len(names), len(yaml), len(templates)) == (FILES, YAML_FILES, TEMPLATES)
