"""`python -m atipico.cli`, the command where no console script is installed."""

from atipico.cli.main import main

main()
