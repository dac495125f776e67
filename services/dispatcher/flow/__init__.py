"""The flow of a payment: ``dispatching`` puts it together, ``pump`` starts calls, ``ports`` is what it needs."""
