"""Rules, unrolling, paths, adjoints: differentiation of let-bound steps."""
