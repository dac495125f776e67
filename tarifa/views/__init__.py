"""What a person sees of a document. Pure but for the screen."""
