"""Everything to run Tarifa on one machine and test it; it knows only the services' public interfaces."""
