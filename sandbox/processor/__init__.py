"""A payment processor that behaves like the challenge's official one, and misbehaves on request.

There are four kinds of code, and each knows only those above it:

- `payment`, `books`, `limits`, `faults`: the pure rules. Values in, values out; no clock, no socket, no file.
- `journal`: keeps the books across a kill. `switchboard`: the faults that are on, and their counts.
- `wire`: HTTP/1.1. It turns every request into an `Exchange` and writes the answers in request order; `pieces` sends an
  answer in pieces.
- `handling`, `admin`: what happens to a call and when. `sabotage`: what a fault does to a call before it is handled, or
  to its answer afterwards. Only these ask the loop for the time.

Neither the rules nor the handling know that there are faults.
"""
