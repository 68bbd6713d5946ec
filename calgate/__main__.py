"""`python -m calgate`."""

from calgate.cli import main

main()
