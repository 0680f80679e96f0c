"""Modules for JAX and PyTorch: one emitter of scans and their derived way back, two dialects."""
