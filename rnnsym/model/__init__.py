"""Expressions, activations, losses, equations, cells, networks, text."""
