"""A payment processor that behaves like the challenge's official one, and misbehaves on request.

There are four kinds of code, and each knows only those above it:

- `payment`, `books`, `limits`, `faults`: the pure rules. Values in, values out; no clock, no socket, no file.
- `booking_journal`: keeps the books across a kill. `active_faults`: the plan of faults in effect, and their counts.
- `wire`: HTTP/1.1. It turns every request into an `Exchange` and writes the answers in request order;
  `streamed_answer` sends an answer in pieces.
- `call_handler`, `admin`: what happens to a call and when. `faulty_handler`: what a fault does to a call before it is
  handled, or to its answer afterwards. Only these ask the loop for the time.

Neither the rules nor the call handler know that there are faults.
"""
