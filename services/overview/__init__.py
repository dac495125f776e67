"""What operators see: the pulses of all instances folded into one document, sent to every open page."""
