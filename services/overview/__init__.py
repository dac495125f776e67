"""What operators see: pulses folded into one document, kept for every page that is open."""
