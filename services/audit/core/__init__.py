"""What an audit finds and what may be released, computed from values alone."""
