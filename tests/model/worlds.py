"""The worlds that are searched, and which of them finds what when a rule is taken out."""

from tests.model.world import Left

WORLDS = {
    "small": Left(log=2, crashes=1, again=1),
    "plain": Left(log=3, crashes=1, again=1),
    "late": Left(log=2, crashes=1, again=1, late=1),
    "release": Left(log=3, crashes=0, again=0, releases=1),
    "closed": Left(log=3, crashes=0, again=0, closes=1, returns=1),
    "refused": Left(log=3, crashes=1, again=0, refusals=1),
    "back": Left(log=2, crashes=0, again=0, back=1),
}

CATCHES = {
    "look_first": "plain",
    "no_look": "plain",
    "no_after": "plain",
    "first_line_is_enough": "plain",
    "delete_before_store": "plain",
    "unknown_may_move": "plain",
    "sends_on": "plain",
    "new_decision": "plain",
    "drop_is_first_hand": "plain",
    "second_start": "plain",
    "stale_look_up": "plain",
    "release_deleted": "release",
    "no_doubt": "back",
}
