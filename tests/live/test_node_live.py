"""The Kind node image as it is built here, and that what the table pins is what kind wants."""

from __future__ import annotations

import json
import time

import pytest

from blueprint.trouble import Trouble
from provision.engine import Engine, engine
from provision.image_settler import ImageRecord
from provision.image_store import INPUTS
from provision.node import ensure_node
from provision.node_parts import TABLE, assigned, kind_module, read_node, wanted_by_kind
from provision.processes import run
from provision.sources import go

IDLE = 10.0
"""Seconds in which nothing is built."""


@pytest.fixture(scope="module")
def here() -> Engine:
    return engine()


@pytest.fixture(scope="module")
def records(here: Engine) -> dict[str, ImageRecord]:
    """A node image on the engine in use, built once."""
    return {record.name: record for record in ensure_node(here, "build", print)}


def test_what_is_pulled_is_what_this_kind_starts() -> None:
    module, node = go.download(kind_module()), read_node()
    default = (module / "pkg/apis/config/defaults/image.go").read_text(encoding="utf-8")
    assert f'const Image = "{node.upstream}@{node.digest}"' in default


def test_every_image_that_this_kind_wants_is_known() -> None:
    wanted = wanted_by_kind(go.download(kind_module()))
    assert len(assigned(wanted, read_node().components)) == len(wanted) == 4, TABLE.name


def test_it_is_labelled_with_its_inputs_and_not_built_again(here: Engine, records: dict[str, ImageRecord]) -> None:
    said: list[str] = []
    began = time.monotonic()
    again = {record.name: record for record in ensure_node(here, "build", said.append)}
    assert time.monotonic() - began < IDLE
    assert said == []
    assert again["node"].reference == records["node"].reference
    label = f'{{{{index .Config.Labels "{INPUTS}"}}}}'
    key = run(["docker", "image", "inspect", "--format", label, again["node"].reference], env=here.env()).stdout
    assert len(key.strip()) == 24


def test_what_is_on_the_node_is_of_the_versions_that_the_table_says(
    here: Engine, records: dict[str, ImageRecord]
) -> None:
    script = "cat /kind/version; echo; kubelet --version; kubeadm version -o short; kubectl version --client -o json"
    argv = ["docker", "run", "--rm", "--network=none", "--entrypoint", "/bin/sh", records["node"].reference, "-ec"]
    said = run([*argv, script], env=here.env()).stdout.split(maxsplit=4)
    assert said[0] == read_node().version
    assert said[1:3] == ["Kubernetes", read_node().version]
    assert said[3] == read_node().version
    assert json.loads(said[4])["clientVersion"]["gitVersion"] == read_node().version


def test_pull_alone_says_that_no_registry_answers_where_none_does(here: Engine) -> None:
    with pytest.raises(Trouble, match="the node image cannot be pulled"):
        ensure_node(here, "pull", print, prefix="127.0.0.1:1/nowhere")
