"""What an audit finds and what may be released, decided from values alone."""
