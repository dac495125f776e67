"""What operators see: the pulses of all instances combined into one document, sent to every open page."""
