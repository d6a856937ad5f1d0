"""infra/images/catalogue.toml: what it says, and what a row may not say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from provision.image_catalogue import Kind, read_images, selected
from tests.fake_images import CATALOGUE, lay_tree


def refusal_of(root: Path, text: str) -> str:
    """What the reader says to a catalogue."""
    path = lay_tree(root) / "infra" / "images" / "catalogue.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Trouble) as trouble:
        read_images(path, root)
    return str(trouble.value)


def changed(find: str, put: str) -> str:
    assert find in CATALOGUE
    return CATALOGUE.replace(find, put, 1)


def test_the_catalogue_of_this_tree_has_every_image_that_the_compose_file_can_choose() -> None:
    images = read_images()
    compose = (Path(__file__).parents[1] / "infra" / "docker-compose.somaagent01.yaml").read_text(encoding="utf-8")
    chosen = dict(re.findall(r"\$\{(SOMA_(?:IMAGE_\w+|PYTHON_IMAGE)):-([^}]+)\}", compose))
    assert {image.variable: image.upstream for image in images.values() if image.variable} == chosen
    services = set(re.findall(r"image: soma\.local/(\w+:\S+)", compose))
    built = {image.local.partition("/")[2] for image in selected(images, []) if not image.upstream}
    assert built == services


def test_what_is_not_the_same_software_says_what_it_is_worth() -> None:
    stand_ins = [image for image in read_images().values() if image.build and image.build.kind is not Kind.SAME]
    assert "qdrant" in {image.name for image in stand_ins}
    assert all(image.build and image.build.proves and image.build.does_not_prove for image in stand_ins)


def test_a_mirror_keeps_the_paths_of_upstream(tmp_path: Path) -> None:
    images = read_images(lay_tree(tmp_path) / "infra/images/catalogue.toml", tmp_path)
    assert images["qdrant"].remote("mirror.example:5000/hub/") == "mirror.example:5000/hub/qdrant/qdrant:v1.20.0"
    assert images["qdrant"].remote("") == "qdrant/qdrant:v1.20.0"
    assert images["gateway"].remote("mirror.example:5000") == ""


def test_the_version_of_the_services_is_the_projects(tmp_path: Path) -> None:
    images = read_images(lay_tree(tmp_path) / "infra/images/catalogue.toml", tmp_path)
    assert images["gateway"].local == "soma.local/gateway:0.1.0"


BAD_ROWS = {
    # what is changed: find, put, and what is said of it
    "repeated name": ('name = "qdrant"', 'name = "gateway"', "catalogue.toml:29: gateway stands at"),
    "repeated variable": (
        "SOMA_IMAGE_GRAFANA",
        "SOMA_IMAGE_QDRANT",
        "catalogue.toml:44: SOMA_IMAGE_QDRANT belongs to qdrant",
    ),
    "bad name": ('name = "grafana"', 'name = "Gra fana"', "'Gra fana' is no name of an image"),
    "latest": ("qdrant:v1.20.0", "qdrant:latest", "qdrant follows latest"),
    "no version": ("qdrant:v1.20.0", "qdrant", "the upstream of qdrant is 'qdrant/qdrant'"),
    "unknown field": ('licence = "AGPL-3.0-only"', 'license = "AGPL-3.0-only"', "grafana has an unknown field license"),
    "no licence": ('licence = "AGPL-3.0-only"', "", "grafana has no licence"),
    "bad digest": ("unavailable =", "digest = 'sha256:1'\nunavailable =", "the digest of grafana is 'sha256:1'"),
    "neither built nor unavailable": (
        'unavailable = "its licence keeps it out of builds"',
        "",
        "grafana needs either [image.build] or unavailable",
    ),
    "absent and built": (
        'does_not_prove = "the server"',
        'does_not_prove = "the server"\n[image.absent]\nSOMA_X = "0"',
        "qdrant can be made, so nothing is to be said for where it is absent",
    ),
    "unknown kind": (
        'kind = "stand-in"',
        'kind = "good enough"',
        "unknown kind 'good enough'; known: same software, older version, stand-in",
    ),
    "unsaid worth": ('does_not_prove = "the server"', "", "qdrant is stand-in and does not say what it proves"),
    "unknown recipe": ('recipe = "debian"', 'recipe = "yum"', "unknown recipe 'yum'"),
    "no packages": ('packages = ["python3"]', "", "the recipe debian of python needs packages"),
    "unknown base": ('base = "python"', 'base = "pyhton"', "the base 'pyhton' of gateway does not stand before it"),
    "no Dockerfile": (
        "infra/images/qdrant/Dockerfile",
        "infra/images/no/Dockerfile",
        "infra/images/no/Dockerfile, which qdrant is built from, is not there",
    ),
    "unknown context": ('context = "tree"', 'context = "moon"', "the context of gateway is 'moon'"),
    "unknown build field": ("proves = ", "poves = ", "the build of qdrant has an unknown field poves"),
    "no version of the build": ('version = "3.13"', "", "the build of python lacks version"),
}


@pytest.mark.parametrize(("find", "put", "said"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_refused_with_its_place(tmp_path: Path, find: str, put: str, said: str) -> None:
    refusal = refusal_of(tmp_path, changed(find, put))
    assert refusal.startswith("catalogue.toml:")
    assert said in refusal


def test_a_catalogue_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, "[[image]]\nname = qdrant\n").startswith("catalogue.toml:2: not TOML")


def test_a_table_of_another_name_is_refused(tmp_path: Path) -> None:
    assert "the catalogue has [[image]] tables and nothing else" in refusal_of(tmp_path, CATALOGUE + "\n[[imgae]]\n")


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    images = read_images(lay_tree(tmp_path) / "infra/images/catalogue.toml", tmp_path)
    with pytest.raises(Trouble, match="no image is called redsi; known: python, gateway, qdrant, grafana"):
        selected(images, ["qdrant", "redsi"])
    assert [image.name for image in selected(images, ["qdrant", "gateway"])] == ["gateway", "qdrant"]
