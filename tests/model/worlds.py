"""The worlds that are searched, and which of them finds what when a rule is taken out."""

from tests.model.world import Left

WORLDS = {
    "crash": Left(log=3, lines=3, crashes=1),
    "drop": Left(log=3, lines=3, drops=1),
    "both": Left(log=3, lines=3, crashes=1, drops=1),
    "late": Left(log=3, lines=3, late=1),
    "long": Left(log=4, lines=4, drops=1),
    "copies": Left(log=4, lines=3, drops=1),
    "release": Left(log=3, lines=2, releases=1),
    "release, long": Left(log=4, lines=3, releases=1, drops=1),
    "closed": Left(log=3, lines=2, closes=1, drops=1),
    "returned": Left(log=3, lines=3, returns=1, drops=1),
    "refused": Left(log=3, lines=3, refusals=1, drops=1),
    "back": Left(log=2, lines=2, back=1),
}

CATCHES = {
    "look_first": "crash",
    "no_look": "crash",
    "no_after": "copies",
    "first_line_is_enough": "drop",
    "delete_before_store": "crash",
    "unknown_may_move": "crash",
    "sends_on": "crash",
    "new_decision": "crash",
    "drop_is_first_hand": "drop",
    "second_start": "crash",
    "stale_look_up": "crash",
    "release_deleted": "release",
    "no_doubt": "back",
}
