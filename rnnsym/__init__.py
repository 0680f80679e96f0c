"""rnnsym derives, runs, checks and prints the gradients of recurrent neural networks."""

from __future__ import annotations
