"""Where the service touches the world; each class keeps a port that the flow declares."""
