"""Who leads what among three nats-servers, and what is missing, from each one's monitoring (`/jsz`). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONSUMER, META = "consumer", "meta"
STREAMS = ("PAYMENTS", "SETTLEMENTS", "ASSIGNMENTS")
_DISPATCHER = "dispatcher"  # the consumer of all dispatchers


@dataclass(frozen=True, slots=True)
class Leaders:
    """``of``: the server that leads each stream, the dispatchers' consumer, the meta group.

    ``problems``: what is missing, in sentences; empty if the cluster is healthy.
    """

    of: Mapping[str, str]
    problems: tuple[str, ...]


def leaders(answers: Mapping[str, Mapping[str, Any] | None]) -> Leaders:
    """Return who leads; there are no problems if every server answers and no replica of anything is behind.

    Args:
        answers: each server's monitoring document, None for one that does not answer.
    """
    of: dict[str, str] = {}
    seen: set[str] = {*STREAMS, CONSUMER, META}
    problems = [f"{name} does not answer" for name, document in answers.items() if document is None]
    for name, document in answers.items():
        for what, cluster in _groups(document or {}):
            seen.add(what)
            if cluster.get("leader") == name:  # only a leader knows the others' state
                of[what] = name
                problems += [f"{what} at {each['name']}" for each in _behind(cluster)]
                if len(cluster.get("replicas", ())) != len(answers) - 1:
                    problems.append(f"{what} has not all replicas")
    return Leaders(of, (*problems, *(f"{what} has no leader" for what in sorted(seen - set(of)))))


def _behind(cluster: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in cluster.get("replicas", ()) if not each.get("current") or each.get("offline")]


def _groups(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each group with the server's document of it."""
    yield META, document.get("meta_cluster", {})
    for account in document.get("account_details", ()):
        for stream in account.get("stream_detail", ()):
            yield stream["name"], stream.get("cluster", {})
            for consumer in stream.get("consumer_detail", ()):
                if consumer["name"] == _DISPATCHER:
                    yield CONSUMER, consumer.get("cluster", {})
