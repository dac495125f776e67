"""Which server may hold the streams: a single one for one replica, a cluster of three or more for three.

A stream with one replica in a cluster lives on one node. When that node dies and restarts, it may have forgotten what
it delivered a moment before, and clients connected to another node notice nothing: without a reconnect they do not
know that others may have got what they hold. When a single server dies, all of its clients notice.
"""

from collections.abc import Mapping

REPLICAS_POSSIBLE = (1, 3)
# In older versions a replicated consumer could deliver a message that no quorum knew of.
VERSION_LEAST = (2, 11, 3)


class UnfitServerError(Exception):
    """These streams must not be on this server. A person must decide; do not continue."""


def refuse_unfit(info: Mapping[str, object], replicas: int) -> None:
    """Check what a server reports when a client connects; ``replicas`` is how many each stream has.

    Whether a cluster has three servers shows when streams are created: how many are up at a moment says nothing.

    Raises:
        UnfitServerError: one sentence on what is wrong, why, and what to do.
    """
    cluster = info.get("cluster")
    leads = f"NATS_URL leads to {info.get('server_name')}"
    if replicas == 1 and cluster:
        raise UnfitServerError(
            f"{leads} of the cluster {cluster}, and NATS_REPLICAS is 1: a stream"
            " with one replica lives on one node of a cluster, and when that node dies what it delivered may be"
            " forgotten while clients stay connected elsewhere, so that a payment could be charged twice; use a server"
            " that is in no cluster, or set NATS_REPLICAS=3 for a cluster of at least three"
        )
    if replicas == 1:
        return
    if not cluster:
        raise UnfitServerError(
            f"{leads}, which is in no cluster, and NATS_REPLICAS is {replicas}: that needs a cluster of at"
            " least three servers; name those, or set NATS_REPLICAS=1"
        )
    if _version(str(info.get("version", ""))) < VERSION_LEAST:
        raise UnfitServerError(
            f"{leads} of version {info.get('version')}, and NATS_REPLICAS is {replicas}: before"
            f" {'.'.join(map(str, VERSION_LEAST))} a consumer with replicas may deliver a payment before the others"
            " know of it, and deliver it again as if it were the first time; use a newer nats-server"
        )


def _version(text: str) -> tuple[int, ...]:
    # A development build, as 2.12.0-dev, counts as its release.
    numbers = text.partition("-")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())
