"""What tests of the code for small sizes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rnnsym.numerics import forms


@contextmanager
def looped() -> Iterator[None]:
    """Nothing is written out, and every loop is taken to pay: the recurrent form from T = 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "MOST_OPERATIONS", 0)
        patch.setattr(forms, "LOOPED", 0.0)
        yield
