"""How documents look in a terminal. Pure but for the screen."""
