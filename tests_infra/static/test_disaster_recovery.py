"""Chapter DRR: disaster recovery, as far as files tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import pytest

from blueprint.backups import STORES
from blueprint.evidence import Findings
from blueprint.rules import backups, drill_records, failover

if TYPE_CHECKING:
    from blueprint.charts import Charts
    from blueprint.documents import Document
    from worlds.subject import Subject

Conclude = Callable[[Findings], None]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.proves("DRR-001", case="{store}")
def test_a_store_can_be_restored(rendered_charts: Charts, store: str, conclude: Conclude) -> None:
    """Each store has a page, a backup and a restore."""
    conclude(backups.unrestorable_store(rendered_charts, store))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.proves("DRR-002", case="{store}")
def test_backups_fit_the_recovery_point(
    rendered_charts: Charts, alerting_rules: tuple[Document, ...], store: str, conclude: Conclude
) -> None:
    """Two intervals and one run of each backup fit into 15 minutes, and one that is too old is told."""
    conclude(backups.late_backups(rendered_charts, store, alerting_rules))


@pytest.mark.proves("DRR-003")
def test_backups_of_qdrant_are_kept_under_a_lifecycle(rendered_charts: Charts, conclude: Conclude) -> None:
    """Backups of qdrant go to object storage, under a lifecycle that is declared and applied."""
    conclude(backups.unkept_objects(rendered_charts))


@pytest.mark.proves("DRR-007")
def test_traffic_managers_are_given_what_is_drilled(subject: Subject, conclude: Conclude) -> None:
    """Cloudflare and Route 53 are given the targets, path, interval and threshold of the drill."""
    conclude(failover.disagreeing_failover(tuple(map(subject.read, failover.FILES))))


@pytest.mark.parametrize("case", ["failover", *STORES])
@pytest.mark.proves("DRR-008", case="{case}")
def test_drills_are_recent(subject: Subject, as_of: date, case: str, conclude: Conclude) -> None:
    """The newest green drill of each store, and of the failover, is less than a quarter old."""
    conclude(drill_records.stale_drill(subject.read(drill_records.RECORD), case, as_of))


@pytest.mark.parametrize("store", backups.SNAPSHOT_STORES)
@pytest.mark.proves("DRR-010", case="{store}")
def test_snapshots_are_scheduled(rendered_charts: Charts, store: str, conclude: Conclude) -> None:
    """The charts carry the class and the schedule of the volume snapshots of each store that relies on them."""
    conclude(backups.unscheduled_snapshots(rendered_charts, store))
