"""What it takes to break the system on purpose and to see whether its promises hold: `python -m sandbox.chaos`.

- `options`, `planner`, `moods`, `offers`, `audit`, `standstill`: what was asked, which fault is done when, what clients
  were promised, whether it was kept, and whether it went on all the time. Values in, values out.
- `link`, `proxy`, `client`: the network between dispatcher and processor, and HTTP.
- `world`, `processors`, `tap`: what runs, and what is said on its bus.
- `load`, `summaries`, `actions`: clients, and those who break things. `evidence`, `story`, `report`: what is left.
- `run`: all of it in order.
"""
