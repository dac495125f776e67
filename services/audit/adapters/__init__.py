"""Where an audit meets the outside: streams, processors, the operator's terminal."""
