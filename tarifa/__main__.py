"""``python -m tarifa``, which `bin/tarifa` runs."""

from tarifa.app import main

if __name__ == "__main__":
    main()
