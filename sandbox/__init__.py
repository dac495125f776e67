"""To play with all of Tarifa on one machine; knows only the public faces of the services."""
