"""A payment processor that behaves as the challenge's official one does, sentence by sentence.

Four kinds of code live here, and each knows only those above it:

- `payment`, `books`, `limits`: the pure rules. Values in, values out; no clock, no socket, no file.
- `journal`: the books' memory across a kill.
- `handling`, `admin`: what happens to a call and when. The only place that asks the loop for the time.
- `wire`: HTTP/1.1. It gives every request to handling as an `Exchange` and writes the answers in request order.

A fault is something else done with an exchange: it belongs between `handling` and `wire`, and no rule needs to know it.
"""
