"""`python -m pipeline.cli`: the `kit` command where no script is installed."""

from pipeline.cli.main import main

main()
