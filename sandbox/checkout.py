"""The checkout that the sandbox is part of."""

from pathlib import Path

TOP = Path(__file__).parents[1]
RUN_DIR = TOP / ".run"  # of `make up`
