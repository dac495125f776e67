"""The service's connections to the outside; each class implements a port that the flow declares."""
