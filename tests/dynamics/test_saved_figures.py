"""What saving a figure says: nothing, and the user's own logging is as it was."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rnnsym.dynamics import figures, save_figure
from rnnsym.dynamics.style import style


def test_a_pdf_is_saved_without_a_warning_of_the_font_library_and_its_logger_is_put_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("fontTools.ttLib.tables._h_e_a_d")
    logger.setLevel(logging.INFO)
    try:
        drawn = figures["path-contributions"].draw(None, 0)
        save_figure(drawn, tmp_path / "a.pdf")
        assert logger.level == logging.INFO
        assert caplog.records == []
        with style():
            drawn.savefig(tmp_path / "b.pdf")
        assert any("timestamp" in record.message for record in caplog.records), "there is something to hold back"
    finally:
        logger.setLevel(logging.NOTSET)
