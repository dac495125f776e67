"""Where an audit touches the world: streams, processors, the operator's screen and keyboard."""
