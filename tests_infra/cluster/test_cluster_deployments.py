"""Chapter HLM: both charts in a cluster, installed by the blueprint's lines, looked at, changed, and taken down."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.charts import INFRA, STACK
from blueprint.evidence import Findings
from blueprint.live import Answer, Inside, rows, table
from blueprint.live_cluster import Change, Line, Snapshot
from blueprint.rules.live_cluster import closed_gateway, failed_lines, failed_tests, left_objects, unsettled_pods
from blueprint.rules.live_cluster_changes import changed_by_repeating, unclean_change, unclean_rollback
from blueprint.rules.live_cluster_drift import drifted_images, drifted_manifest, drifted_objects
from blueprint.rules.live_cluster_environments import more_than_sizes, refused_objects
from blueprint.rules.live_cluster_inside import unconfined_pods

if TYPE_CHECKING:
    from worlds.release_proofs import ReleaseProofs
    from worlds.release_world import ReleaseWorld

Conclude = Callable[[Findings], None]

WRITTEN = {
    INFRA: f"helm upgrade --install {INFRA} infra/helm/{INFRA} -n soma-dev --create-namespace "
    "-f infra/helm/values-dev.yaml",
    STACK: f"helm upgrade --install {STACK} infra/helm/{STACK} -n soma-dev -f infra/helm/values-dev.yaml",
}
"""The lines of the install flow, as the blueprint has them; what we add to each follows after it."""
ROLLED = ("deployment/gateway", "statefulset/redis")
"""The workloads that use what the upgrade changes."""


@pytest.mark.proves("HLM-009")
def test_install_flow(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """Both lines succeed as they are written, and leave two deployed releases."""
    lines = [Line.of(row) for row in rows(release_proofs.installed.get("lines"))]
    conclude(failed_lines(lines, WRITTEN, table(release_proofs.deployed().get("releases"))))


@pytest.mark.proves("HLM-010")
def test_pods_stay_ready(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """Every pod is ready and stays so, and the Jobs succeeded."""
    jobs = {name: str(phase) for name, phase in table(release_proofs.deployed().get("jobs")).items()}
    seen = release_proofs.watched()
    conclude(unsettled_pods(Snapshot.of(seen.get("first")), Snapshot.of(seen.get("last")), jobs))


@pytest.mark.proves("HLM-007", effect="write")
def test_pods_are_confined(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """Asked from inside, no container has root, a writable root or a way to privileges, and its ports are open."""
    conclude(unconfined_pods(map(Inside.of, release_proofs.inside()), release_proofs.containers()))


@pytest.mark.proves("HLM-011")
def test_health_through_a_port_forward(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """Whoever forwards a port to the gateway's Service is answered."""
    conclude(closed_gateway(Answer.of(release_proofs.health())))


@pytest.mark.proves("HLM-021", case="manifest")
def test_no_drift_of_the_manifest(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """The releases hold what the tree renders."""
    conclude(drifted_manifest(release_proofs.rendered(), release_proofs.manifests()))


@pytest.mark.proves("HLM-021", case="objects")
def test_no_drift_of_the_objects(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """The live objects are what the tree renders, and nobody else set a field of them."""
    seen = release_proofs.objects()
    conclude(drifted_objects(release_proofs.rendered(), table(seen.get("live")), table(seen.get("owners"))))


@pytest.mark.proves("HLM-021", case="images")
def test_no_drift_of_the_images(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """What runs is what the references name."""
    seen = release_proofs.images()
    conclude(drifted_images(rows(seen.get("running")), table(seen.get("wanted")), seen.get("containers") or ()))


@pytest.mark.proves("HLM-018", case="{chart}", effect="write")
@pytest.mark.parametrize("chart", [INFRA, STACK])
def test_helm_test_passes(release_proofs: ReleaseProofs, conclude: Conclude, chart: str) -> None:
    """An operator's own check passes."""
    seen = release_proofs.tested(chart)
    pods = (f"{chart}-test",)
    conclude(failed_tests(chart, seen.get("exit_code"), rows(seen.get("hooks")), pods, str(seen.get("said"))))


@pytest.mark.proves("HLM-013", effect="write")
def test_repeating_changes_nothing(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """The same lines once more leave every pod and every generation as it is."""
    seen = release_proofs.repeated()
    before, after = Snapshot.of(seen.get("before")), Snapshot.of(seen.get("after"))
    conclude(changed_by_repeating(before, after, release_proofs.workloads()))


@pytest.mark.proves("HLM-014", case="upgrade", effect="disrupt")
def test_upgrade_rolls_what_changed(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """Two changed values roll two workloads, and nobody who asks the gateway meanwhile notices."""
    conclude(unclean_change(Change.of(release_proofs.upgraded()), ROLLED, release_proofs.workloads()))


@pytest.mark.proves("HLM-014", case="rollback", effect="disrupt")
def test_rollback_brings_the_former_state_back(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """After a rollback everything is as it was before the upgrade, and nobody noticed."""
    former = Change.of(release_proofs.upgraded()).before
    conclude(unclean_rollback(former, Change.of(release_proofs.rolled_back()), release_proofs.workloads()))


@pytest.mark.proves("HLM-015", effect="destroy")
def test_uninstalling_leaves_what_is_declared(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """Volumes of stores and the Secrets that open them stay, and nothing else."""
    seen = release_proofs.uninstalled()
    said = [str(text) for text in seen.get("said") or ()]
    conclude(left_objects(seen.get("before") or (), seen.get("rendered") or (), rows(seen.get("after")), said))


@pytest.mark.proves("HLM-020", case="{environment}", effect="destroy")
@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_other_environments_install(release_images: ReleaseWorld, conclude: Conclude, environment: str) -> None:
    """What is meant for bigger clusters is admitted as it is, and comes up sized down, in a namespace of its own."""
    seen = table(release_images.other_environment(environment).seen)
    lines = [Line.of(row) for row in rows(seen.get("lines"))]
    written = {chart: line.replace("-dev", f"-{environment}") for chart, line in WRITTEN.items()}
    settled, jobs = Snapshot.of(seen.get("snapshot")), table(seen.get("jobs"))
    conclude(
        refused_objects(table(seen.get("admitted")))
        | more_than_sizes(seen.get("overlay") or ())
        | failed_lines(lines, written, table(seen.get("releases")))
        | unsettled_pods(settled, settled, {name: str(phase) for name, phase in jobs.items()})
    )
