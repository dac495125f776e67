"""The users' part of nats-server's configuration: rendered from the one table of permissions. Pure."""

import json
from collections.abc import Iterable, Mapping

from services.access.nkey import inbox_of
from services.contracts.permissions import PURGE, USERS, Permissions


def authorization(public: Mapping[str, str], *, may_purge: bool) -> str:
    """Return the setting ``authorization`` as nats-server reads it; there is nothing secret in it.

    ``public``: the public key of every user by name. ``may_purge``: ingress may clear the totals (ALLOW_PURGE).
    """
    inboxes = {user: inbox_of(key).removeprefix("_INBOX.") for user, key in public.items()}
    users = [
        {"nkey": key, "permissions": _rendered(USERS[user], inboxes, may_purge=may_purge)}
        for user, key in public.items()
    ]
    return f"authorization: {json.dumps({'users': users}, indent=1)}\n"


def _rendered(
    permissions: Permissions, inboxes: Mapping[str, str], *, may_purge: bool
) -> dict[str, dict[str, list[str]]]:
    def each(subjects: Iterable[str]) -> list[str]:
        return [subject.format_map(inboxes) for subject in subjects]

    publish = [subject for subject in permissions.publish if may_purge or subject != PURGE]
    publishing = {"allow": each(publish)}
    if permissions.publish_never:
        publishing["deny"] = each(permissions.publish_never)
    return {"publish": publishing, "subscribe": {"allow": each(permissions.subscribe)}}
