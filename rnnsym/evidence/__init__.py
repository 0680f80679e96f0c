"""Witnesses, checks and reports."""
