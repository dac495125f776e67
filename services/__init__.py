"""The path of a payment through the services.

client -> nginx -> ingress --accepted--> [PAYMENTS] -> dispatcher --HTTP--> processor
                      ^                                    |
                   summary                              settled
                      |                                    v
                      +------------- ledger <------- [SETTLEMENTS]

ingress     answers 2xx only for a payment that is stored in PAYMENTS
dispatcher  charges each stored payment at exactly one processor, once, and records that in SETTLEMENTS
ledger      counts each settlement once, and returns what was charged where in any period

Read the three ``flow`` packages to follow a payment, ``contracts`` for the messages, ``bus`` for how they are sent.
docs/architecture.md lists each step with its file, and what every other package is for.
"""
