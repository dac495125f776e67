"""The limits that the parts run under, and what they use."""
