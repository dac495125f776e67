"""Breaks the system on purpose and checks that its promises hold: `python -m sandbox.chaos`.

- `options`, `acts`, `planner`, `trials`, `changes`, `node_plan`, `victims`, `moods`: what was asked for, and which
  fault is done when, to which part.
- `offers`, `audit`, `releases`, `going_back`, `outages`, `standstill`, `unavailable`, `leaders`: what clients were
  promised, whether it was kept, and whether settling continued. Values in, values out, like the ones before.
- `link`, `proxy`, `client`: the network between dispatcher and processor, and HTTP.
- `world`, `cluster`, `processors`, `tap`: what runs, and what is published on its bus.
- `load`, `summaries`, `apart`: clients.
- `actions`, `long_faults`, `change_faults`, `node_faults`, `operator`: carry out the faults.
- `evidence`, `story`, `report`: the results.
- `run`: all of it in order.
"""
