"""The service's connections to the outside: they call the flow, or implement the ports that it declares."""
