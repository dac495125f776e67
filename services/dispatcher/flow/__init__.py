"""The flow of a payment, in this order; ``dispatching`` puts it together, and ``ports`` is what it needs.

taking      a delivery is taken in hand; ``doubt_check`` first, where the store went back in time
scheduler   when the next call starts, and the next payment is fetched
attempting  one call and what its outcome means; before it ``assigning``: the line and the look-up, which give
            a ``send_permission``
settling    the settlement is stored, then the payment acked

``payment_tasks`` runs these. ``tidying`` keeps the log short, ``releasing`` does what an operator asks for.
"""
