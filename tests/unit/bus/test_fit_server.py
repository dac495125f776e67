"""What a server reports when a client connects, and whether the streams may be on it."""

import pytest

from services.bus.wire.cluster import UnfitServerError, refuse_unfit

ALONE = {"server_name": "first", "version": "2.12.0"}
LEADS = "NATS_URL leads to first"
OF_A_CLUSTER = {**ALONE, "cluster": "together"}


def test_one_replica_needs_a_single_server() -> None:
    """Of any version."""
    refuse_unfit({**ALONE, "version": "2.10.0"}, 1)
    with pytest.raises(
        UnfitServerError, match=r"^NATS_URL leads to first of the cluster together, and NATS_REPLICAS is 1: "
    ):
        refuse_unfit(OF_A_CLUSTER, 1)


def test_three_replicas_need_a_cluster() -> None:
    """A single server could not hold them."""
    refuse_unfit(OF_A_CLUSTER, 3)
    with pytest.raises(
        UnfitServerError, match=r"^NATS_URL leads to first, which is in no cluster, and NATS_REPLICAS is 3"
    ):
        refuse_unfit(ALONE, 3)


@pytest.mark.parametrize("version", ["2.11.3", "2.11.10", "2.12.0-dev", "3.0.0", "2.11.3-RC.1"])
def test_replicas_are_delivered_safely_from_a_version_on(version: str) -> None:
    """Numbers are compared, and not texts."""
    refuse_unfit({**OF_A_CLUSTER, "version": version}, 3)


@pytest.mark.parametrize("version", ["2.11.2", "2.9.25", "2.11", "", "unknown"])
def test_an_older_server_is_refused_for_replicas(version: str) -> None:
    """Older ones could forget a delivery; an unreadable version counts as older."""
    with pytest.raises(
        UnfitServerError, match=r"^NATS_URL leads to first of version .*, and NATS_REPLICAS is 3: before 2\.11\.3"
    ):
        refuse_unfit({**OF_A_CLUSTER, "version": version}, 3)
