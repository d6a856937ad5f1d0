"""Chapter CMP: the local environment, as far as files alone can prove it, over every selection of profiles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from blueprint.compose import ComposeModel, Selection
from blueprint.evidence import Findings
from blueprint.rules.compose_closure import open_selections
from blueprint.rules.compose_credentials import literal_credentials
from blueprint.rules.compose_health import blind_health_checks
from blueprint.rules.compose_images import undigested_images, unpinned_images
from blueprint.rules.compose_orders import Walk, straight_walks, stuck_orders
from blueprint.rules.compose_ports import clashing_ports, open_ports
from blueprint.rules.compose_profiles import misplaced_members, undeclared_profiles
from blueprint.rules.compose_structure import malformed_compose_file

Conclude = Callable[[Findings], None]


@pytest.mark.proves("CMP-001")
def test_compose_file_is_read_strictly_and_valid(compose_model: ComposeModel, conclude: Conclude) -> None:
    """The file is there, has no key twice, and is what the Compose specification allows."""
    conclude(malformed_compose_file(compose_model))


@pytest.mark.proves("CMP-002")
def test_profiles_are_those_of_the_blueprint(compose_model: ComposeModel, conclude: Conclude) -> None:
    """The four profiles of the blueprint are declared, and no other."""
    conclude(undeclared_profiles(compose_model))


@pytest.mark.proves("CMP-003")
def test_default_is_the_base_runtime(compose_model: ComposeModel, conclude: Conclude) -> None:
    """The profile default has the five services of the base runtime."""
    conclude(misplaced_members(compose_model, "default"))


@pytest.mark.proves("CMP-004")
def test_vectorstore_is_the_memory_features(compose_model: ComposeModel, conclude: Conclude) -> None:
    """The profile vectorstore has the two vector stores."""
    conclude(misplaced_members(compose_model, "vectorstore"))


@pytest.mark.proves("CMP-005")
def test_observability_is_metrics_dashboards_and_logs(compose_model: ComposeModel, conclude: Conclude) -> None:
    """The profile observability has prometheus and grafana, and loki where it is kept."""
    conclude(misplaced_members(compose_model, "observability"))


@pytest.mark.proves("CMP-006")
def test_kafka_is_broker_and_schema_registry(compose_model: ComposeModel, conclude: Conclude) -> None:
    """The profile kafka has the broker and the schema registry."""
    conclude(misplaced_members(compose_model, "kafka"))


@pytest.mark.proves("CMP-007", part="selections")
def test_every_selection_is_closed(compose_model: ComposeModel, conclude: Conclude) -> None:
    """No selection of profiles needs anything that it does not bring."""
    conclude(open_selections(compose_model))


@pytest.mark.proves("CMP-007", part="orders")
def test_every_order_of_switching_ends(compose_model: ComposeModel, conclude: Conclude) -> None:
    """Profiles go on and off in any order, and no service waits for ever or is left without what it needs."""
    walks = straight_walks(compose_model)
    selections = some.lists(some.sampled_from(compose_model.selections), min_size=2, max_size=5)

    @given(selections, some.lists(some.integers(0, 11), min_size=1, max_size=12))
    def explore(chosen: list[Selection], picks: list[int]) -> None:
        walks.append(Walk(tuple(chosen), tuple(picks)))

    explore()
    conclude(stuck_orders(compose_model, walks))


@pytest.mark.proves("CMP-008")
def test_health_checks_look_at_their_services(compose_model: ComposeModel, conclude: Conclude) -> None:
    """Every service that runs for long has a health check that can fail."""
    conclude(blind_health_checks(compose_model))


@pytest.mark.proves("CMP-009")
def test_images_carry_versions(compose_model: ComposeModel, conclude: Conclude) -> None:
    """Every image carries a version tag."""
    conclude(unpinned_images(compose_model))


@pytest.mark.proves("CMP-010")
def test_host_ports_do_not_clash(compose_model: ComposeModel, conclude: Conclude) -> None:
    """No two services of a selection claim one host port, and the gateway is on 8010."""
    conclude(clashing_ports(compose_model))


@pytest.mark.proves("CMP-017")
def test_no_credential_stands_in_the_tree(compose_model: ComposeModel, conclude: Conclude) -> None:
    """Neither the file, nor a default in it, nor a file of variables holds a credential."""
    conclude(literal_credentials(compose_model))


@pytest.mark.proves("CMP-020")
def test_images_carry_digests(compose_model: ComposeModel, conclude: Conclude) -> None:
    """Every image that is not built here is pinned by its digest."""
    conclude(undigested_images(compose_model))


@pytest.mark.proves("CMP-021")
def test_host_ports_are_on_loopback(compose_model: ComposeModel, conclude: Conclude) -> None:
    """Every host port is bound to the loopback address."""
    conclude(open_ports(compose_model))
