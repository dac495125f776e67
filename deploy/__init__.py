"""How Tarifa is shipped, and what is in it: the image's lock, the bill of materials, licences and advisories."""
