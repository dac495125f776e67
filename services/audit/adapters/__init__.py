"""The commands' connections to the outside: streams, processors, the operator's terminal."""
