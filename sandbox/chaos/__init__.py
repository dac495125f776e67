"""What it takes to break the system on purpose and to see whether its promises hold."""
