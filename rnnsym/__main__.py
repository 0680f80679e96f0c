"""``python -m rnnsym`` is ``rnnsym``."""

from rnnsym.cli import main

main()
