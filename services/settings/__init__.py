"""The environment, read and checked in one way: `environment` reads one variable, `bus` what all services share."""
