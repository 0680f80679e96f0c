"""The report's page, one module a part: it reads what was derived, run, checked and drawn, and computes nothing."""
