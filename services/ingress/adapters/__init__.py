"""Where the service meets the outside; each class implements a port that the flow declares."""
