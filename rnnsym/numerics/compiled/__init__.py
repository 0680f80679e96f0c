"""The numba backend: the same derivation as loops over single numbers, compiled to machine code."""
