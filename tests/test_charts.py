"""Charts are rendered from what the subject was read to be, side by side, once for the same content."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from blueprint.charts import CHARTS, FOLDER, INFRA, NONE, STACK, Charts
from provision.processes import Completed, run
from tests.breakages import ROOT
from worlds import charts as world
from worlds.recorder import Recorder
from worlds.replay import Replay
from worlds.subject import Subject

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Values.OWN.name }}
spec:
  selector: {a: b}
  ports: [{port: 1}]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A subject with two small charts and their values."""
    root = tmp_path / "subject"
    for chart, own in ((INFRA, "infra"), (STACK, "stack")):
        folder = root / FOLDER / chart
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {chart}\nversion: 0.1.0\nappVersion: '1'\n")
        (folder / "values.yaml").write_text(f"{own}: {{name: default}}\n")
        (folder / "templates" / "service.yaml").write_text(SERVICE.replace("OWN", own))
    for environment in ("dev", "staging", "prod"):
        text = f"infra: {{name: i-{environment}}}\nstack: {{name: s-{environment}}}\n"
        (root / FOLDER / f"values-{environment}.yaml").write_text(text)
    return root


def rendered(root: Path, out: Path, replay: Replay | None = None) -> Charts:
    """What is read of it in a session of its own."""
    out.mkdir()
    with Recorder(out / "evidence.jsonl", replay) as recorder:
        recorder.note("run", run={"as_of": "2026-01-01"})
        charts, looks = world.read_charts(Subject(root, recorder), recorder)
    assert len(set(looks)) == len(charts.renders) + len(charts.lints) + bool(charts.off) + len(charts.nudged)
    return charts


def names(charts: Charts) -> dict[tuple[str, str], list[str]]:
    return {(each.chart, each.values): [thing.name for thing in each.objects] for each in charts.renders}


def test_each_chart_is_rendered_with_each_values_file_and_with_none(checkout: Path, tmp_path: Path) -> None:
    charts = rendered(checkout, tmp_path / "out")
    assert names(charts) == {
        (chart, values): [f"{letter}-{values}" if values else "default"]
        for chart, letter in ((INFRA, "i"), (STACK, "s"))
        for values in ("dev", "staging", "prod", NONE)
    }
    (service,) = charts.render(INFRA, "prod").objects
    assert service.source == f"{FOLDER}/{INFRA}/templates/service.yaml"
    assert charts.render(INFRA, "prod").population == {service.label}


def test_the_same_content_is_rendered_once_in_a_process(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rendered(checkout, tmp_path / "first")
    runs: list[str] = []

    def counted(argv: Sequence[str | Path], **options: Any) -> Completed:  # noqa: ANN401 - whatever run takes
        runs.append(" ".join(map(str, argv)))
        return run(argv, **options)

    monkeypatch.setattr(world, "run", counted)
    assert names(rendered(checkout, tmp_path / "second")) == names(first)
    assert not runs
    (checkout / FOLDER / "values-prod.yaml").write_text("infra: {name: other}\n")
    assert names(rendered(checkout, tmp_path / "third"))[INFRA, "prod"] == ["other"]
    assert len(runs) == 4
    assert all("values-prod.yaml" in command for command in runs)


def test_a_render_is_replayed_without_helm(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rendered(checkout, tmp_path / "first")
    monkeypatch.setattr(world, "run", lambda *_, **__: pytest.fail("helm was run"))
    monkeypatch.setattr(world, "tool", lambda *_: pytest.fail("helm was asked for"))
    shutil.rmtree(checkout / FOLDER / STACK / "templates")
    again = rendered(checkout, tmp_path / "second", Replay(tmp_path / "first" / "evidence.jsonl"))
    assert names(again) == names(first)


def test_no_link_leads_helm_out_of_the_checkout(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("of somebody else")
    (checkout / FOLDER / INFRA / "files").mkdir()
    (checkout / FOLDER / INFRA / "files" / "in.txt").symlink_to(tmp_path / "outside.txt")
    template = checkout / FOLDER / INFRA / "templates" / "leak.yaml"
    template.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'x{{ .Files.Get \"files/in.txt\" }}'}\n")
    charts = rendered(checkout, tmp_path / "out")
    assert "somebody else" not in (tmp_path / "out" / "evidence.jsonl").read_text()
    assert sorted(names(charts)[INFRA, "dev"]) == ["i-dev", "x"]


def test_what_helm_says_names_files_of_the_subject(checkout: Path, tmp_path: Path) -> None:
    (checkout / FOLDER / INFRA / "templates" / "broken.yaml").write_text('{{ include "nowhere" . }}\n')
    charts = rendered(checkout, tmp_path / "out")
    failed = charts.render(INFRA, "dev")
    assert failed.exit_code
    assert not failed.objects
    assert f"{INFRA}/templates/broken.yaml:1" in failed.said
    assert str(tmp_path) not in failed.said
    assert not charts.render(STACK, "dev").exit_code


def test_a_subject_without_charts_needs_no_helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "tool", lambda *_: pytest.fail("helm was asked for"))
    (tmp_path / "subject").mkdir()
    assert not rendered(tmp_path / "subject", tmp_path / "out").renders


# ours

COPIES = {
    "infra/policy/soma.rego": (f"{FOLDER}/{INFRA}/files/policy/soma.rego", f"{FOLDER}/{STACK}/files/policy/soma.rego"),
    f"{FOLDER}/{INFRA}/files/tests/look.py": (f"{FOLDER}/{STACK}/files/tests/look.py",),
}
"""A chart can read only what is in its folder: what both need stands in both."""


def test_copies_in_the_charts_are_copies() -> None:
    for original, copies in COPIES.items():
        for copy in copies:
            assert (ROOT / copy).read_bytes() == (ROOT / original).read_bytes(), f"cp {original} {copy}"


def test_the_sizing_changes_counts_and_resources_only() -> None:
    sizing = yaml.safe_load((ROOT / FOLDER / "values-kind-sizing.yaml").read_text())
    allowed = {"replicas", "maxReplicas", "resources", "storage", "heap", "maxMemory", "autoscaling"}
    for component in (*sizing["infra"].values(), *sizing["stack"].values()):
        assert set(component) <= allowed
        assert set(component.get("autoscaling", {})) <= allowed
    assert set(sizing) == {"infra", "stack"}


def test_both_schemas_take_the_same_globals() -> None:
    documents = [json.loads((ROOT / FOLDER / chart / "values.schema.json").read_text()) for chart in (INFRA, STACK)]
    first, second = ({"global": each["properties"]["global"], "$defs": each["$defs"]} for each in documents)
    assert first == second


SHARED_WITH_COMPOSE = {"grafana", "kafka", "loki", "pgvector", "prometheus", "python", "qdrant", "schema-registry"}


def test_what_compose_runs_too_is_of_the_same_image() -> None:
    rows = tomllib.loads((ROOT / "infra" / "images" / "catalogue.toml").read_text())["image"]
    upstream = {row["upstream"] for row in rows if row["name"] in SHARED_WITH_COMPOSE}
    assert len(upstream) == len(SHARED_WITH_COMPOSE)
    used: set[str] = set()
    for chart, own in CHARTS.items():
        used |= set(images_in(yaml.safe_load((ROOT / FOLDER / chart / "values.yaml").read_text())[own]))
    assert not upstream - used


def images_in(values: object) -> Iterator[str]:
    """Every value under a key named image."""
    if isinstance(values, dict):
        for key, inner in values.items():
            if key == "image" and isinstance(inner, str):
                yield inner
            yield from images_in(inner)
