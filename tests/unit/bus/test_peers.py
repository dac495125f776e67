"""What a stream's leader reports about the other servers that have it."""

from services.bus.jetstream.state import SILENT_AFTER_S, Peer, peers_of


def test_a_replica_that_its_leader_never_heard_from_does_not_count_as_recent() -> None:
    """Both have ``active`` 0; the first hung when the leader was elected (seen with nats-server 2.15)."""
    cluster = {
        "leader": "nats-2",
        "replicas": [
            {"name": "nats-3", "current": False, "active": 0, "lag": 1807},
            {"name": "nats-1", "current": True, "active": 0},
        ],
    }
    assert peers_of(cluster) == (Peer("nats-1", 0.0), Peer("nats-2", 0.0), Peer("nats-3", None))


def test_a_lagging_replica_was_heard_from_and_an_offline_one_is_not_connected() -> None:
    """Time is in nanoseconds there, in seconds here."""
    cluster = {
        "leader": "nats-1",
        "replicas": [
            {"name": "nats-2", "current": False, "active": 250_000_000},
            {"name": "nats-3", "current": False, "active": 9_000_000_000, "offline": True},
        ],
    }
    assert peers_of(cluster)[1:] == (Peer("nats-2", 0.25), Peer("nats-3", 9.0, is_connected=False))


def test_a_single_server_has_no_peers() -> None:
    """It names itself as the leader."""
    assert peers_of({"leader": "NDXW4"}) == ()


def test_a_server_is_up_while_its_leader_hears_from_it() -> None:
    """A connection alone proves nothing about a server that hangs."""
    assert Peer("nats-1", 0.0).is_up()
    assert Peer("nats-1", SILENT_AFTER_S).is_up()
    assert not Peer("nats-1", SILENT_AFTER_S + 0.1).is_up()
    assert not Peer("nats-1", None).is_up()
    assert not Peer("nats-1", 0.0, is_connected=False).is_up()
