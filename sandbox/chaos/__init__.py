"""Injects faults into the running system and checks that its promises hold: `python -m sandbox.chaos`.

- `options`, `planned_fault`, `planner`, `long_fault_plan`, `change_plan`, `node_fault_plan`, `hit_schedule`,
  `fault_mix`: what was asked for, and which fault is injected when, into which part.
- `offered_payment`, `audit`, `releases`, `restored_store`, `outages`, `pauses`, `standstill`, `unavailability`,
  `leaders`: what clients were promised, whether it was kept, and whether settling continued. Values in, values out,
  like the ones before.
- `link`, `proxy`, `http_client`: the network between dispatcher and processor, and HTTP.
- `system_under_test`, `nats_servers`, `simulated_processor`, `bus_recorder`: what runs, and what is
  published on its bus.
- `load`, `summary_checker`, `skewed_ingress`: clients, and an ingress with a wrong clock.
- `fault_injector`, `long_faults`, `pause_faults`, `change_faults`, `node_faults`, `operator_commands`: carry out the
  faults.
- `run_audit`, `payment_history`, `report`: the results.
- `run`: all of it in order.
"""
