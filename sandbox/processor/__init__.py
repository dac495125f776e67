"""A payment processor that behaves as the challenge's official one does, and misbehaves on request.

Four kinds of code live here, and each knows only those above it:

- `payment`, `books`, `limits`, `faults`: the pure rules. Values in, values out; no clock, no socket, no file.
- `journal`: the books' memory across a kill. `switchboard`: the faults that are on, and their counts.
- `wire`: HTTP/1.1. It makes every request an `Exchange` and writes the answers in request order; `pieces` gives an
  answer bit by bit.
- `handling`, `admin`: what happens to a call and when. `sabotage`: what a fault does to a call before it is handled or
  to its answer after that. These alone ask the loop for the time.

No rule, and nothing of the handling, knows that there are faults.
"""
