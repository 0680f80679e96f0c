"""Gradient products, path contributions and their plots."""
