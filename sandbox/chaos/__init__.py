"""What it takes to break the system on purpose and to see whether its promises hold: `python -m sandbox.chaos`.

- `options`, `acts`, `planner`, `trials`, `changes`, `node_plan`, `victims`, `moods`: what was asked, and which fault is
  done when, to whom.
- `offers`, `audit`, `releases`, `going_back`, `outages`, `standstill`, `unavailable`, `leaders`: what clients were
  promised, whether it was kept, and whether it went on all the time. Values in, values out, like the ones before.
- `link`, `proxy`, `client`: the network between dispatcher and processor, and HTTP.
- `world`, `cluster`, `processors`, `tap`: what runs, and what is said on its bus.
- `load`, `summaries`, `apart`: clients.
- `actions`, `spells`, `upheavals`, `node_faults`, `operator`: those who break things.
- `evidence`, `story`, `report`: what is left.
- `run`: all of it in order.
"""
