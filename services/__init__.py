"""The river: how a payment goes all the way.

client -> nginx -> ingress --accepted--> [PAYMENTS] -> dispatcher --HTTP--> processor
                      ^                                    |
                   summary                              settled
                      |                                    v
                      +------------- ledger <------- [SETTLEMENTS]

ingress     answers 2xx only for a payment that is stored in PAYMENTS
dispatcher  has each stored payment charged at exactly one processor, once, and says so in SETTLEMENTS
ledger      counts each settlement once, and answers what was charged where in any period

Read the three ``flow`` modules to follow a payment; ``contracts`` for what is said, ``bus`` for how, ``metrics`` and
``telling`` for what an operator sees of it.
"""
