"""Which server may hold the streams: one that stands alone, for they have one replica.

A stream with one replica in a cluster lives on one node. Where that node dies and comes back, it may have forgotten
what it delivered a moment before, and clients that are connected to another node notice nothing: no reconnect tells
them that what they hold may be in another's hands too. The death of a server that stands alone is known to all.
"""

from collections.abc import Mapping


class LoneReplicaError(Exception):
    """The server is part of a cluster, and the streams have one replica. A person must decide; do not go on."""


def refuse_lone_replica(info: Mapping[str, object]) -> None:
    """Look at what a server says of itself when a client connects.

    Raises:
        LoneReplicaError: one sentence that says what is wrong, why, and what to do.
    """
    cluster = info.get("cluster")
    if cluster:
        raise LoneReplicaError(
            f"NATS_URL leads to {info.get('server_name')} of the cluster {cluster}, and NATS_REPLICAS is 1: a stream"
            " with one replica lives on one node of a cluster, and when that node dies what it delivered may be"
            " forgotten while clients stay connected elsewhere, so that a payment could be charged twice; use a server"
            " that is in no cluster (NATS_REPLICAS=3 will be the way, and is not supported yet)"
        )
