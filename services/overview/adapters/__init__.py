"""Where the vitals come from, and the pages they are sent to."""
