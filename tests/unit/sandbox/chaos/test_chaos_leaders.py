"""Who leads, and what is not whole, from the monitoring of three nats-servers."""

from typing import Any

from sandbox.chaos.leaders import CONSUMER, META, STREAMS, leaders

NODES = ("nats-1", "nats-2", "nats-3")


def answers(leader: str, *, behind: str = "", gone: str = "") -> dict[str, dict[str, Any] | None]:
    """Return documents of a cluster in which one server leads everything, one replica or server may be missing."""

    def cluster(name: str) -> dict[str, Any]:
        others = [{"name": each, "current": each != behind, "offline": False} for each in NODES if each != name]
        return {"leader": leader, "replicas": others if name == leader else []}

    def document(name: str) -> dict[str, Any]:
        consumer = {"name": "dispatcher", "cluster": cluster(name)}
        streams = [
            {"name": each, "cluster": cluster(name), "consumer_detail": [consumer] if each == "PAYMENTS" else []}
            for each in STREAMS
        ]
        return {"meta_cluster": cluster(name), "account_details": [{"stream_detail": streams}]}

    return {name: None if name == gone else document(name) for name in NODES}


def test_a_whole_cluster_has_all_leaders_and_current_replicas() -> None:
    """Streams, consumer, and meta group."""
    found = leaders(answers("nats-2"))
    assert dict(found.of) == dict.fromkeys((*STREAMS, CONSUMER, META), "nats-2")
    assert found.problems == ()


def test_a_replica_that_is_behind_is_lacking() -> None:
    """It could not lead without loss."""
    assert "PAYMENTS at nats-3" in leaders(answers("nats-2", behind="nats-3")).problems


def test_a_server_that_does_not_answer_is_lacking_and_so_is_what_it_led() -> None:
    """Others still name it as the leader; only its own document counts."""
    found = leaders(answers("nats-1", gone="nats-1"))
    assert not found.of
    assert {"nats-1 does not answer", "PAYMENTS has no leader", "consumer has no leader"} <= set(found.problems)


def test_an_empty_cluster_lacks_everything() -> None:
    """At the start there is nothing yet."""
    assert len(leaders({name: {} for name in NODES}).problems) == len(STREAMS) + 2
