"""``python -m backproof`` is ``backproof``."""

from backproof.cli.main import main

main()
