"""What the services say to each other: pure values, their JSON, and the subjects they travel on."""
