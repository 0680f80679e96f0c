"""Compiled functions and the source they are made of."""
