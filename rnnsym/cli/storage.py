"""A place for what Hypothesis stores: its default is a folder ``.hypothesis`` in the user's working directory."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "HYPOTHESIS_STORAGE_DIRECTORY"


@contextmanager
def working_directory_kept_clean() -> Iterator[None]:
    """Let Hypothesis store in a temporary folder, unless a user has chosen one or it is loaded and has chosen."""
    if VARIABLE in os.environ or "hypothesis" in sys.modules:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="rnnsym-", ignore_cleanup_errors=True) as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[VARIABLE]
