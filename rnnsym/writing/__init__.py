"""Derivations as data, and their printers."""
