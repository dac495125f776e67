"""The worlds that are searched, and for each rule a world in which its removal is detected."""

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

# The smallest in which it is.
CATCHES = {
    "look_first": Left(log=2, lines=2),
    "no_look": Left(log=2, lines=2),
    "no_after": WORLDS["drop"],
    "first_line_is_enough": WORLDS["drop"],
    "delete_before_store": Left(log=2, lines=2),
    "unknown_may_move": Left(log=2, lines=2),
    "sends_on": Left(log=2, lines=2),
    "new_decision": Left(log=3, lines=3),
    "drop_is_first_hand": Left(log=2, lines=2, drops=1),
    "second_start": Left(log=2, lines=2),
    "stale_look_up": Left(log=2, lines=2),
    "release_deleted": WORLDS["release"],
    "no_doubt": Left(log=1, lines=2, back=1),
}
