"""What the parts cost, measured on this machine now; `python -m benchmarks` runs them all."""
