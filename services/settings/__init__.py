"""The environment, read and checked in one way: `environment` reads one variable, `bus` those of all services."""
