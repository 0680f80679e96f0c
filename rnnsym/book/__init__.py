"""The book: chapters that follow a course of lecture notes, each derived, checked and computed when it is built.

>>> import rnnsym
>>> chapter = rnnsym.book.chapters["parameter_counts"].build()
>>> chapter.title, "27" in chapter.latex()
('Weights and biases', True)
"""

from rnnsym.book.chapters import chapters
from rnnsym.book.html import book_page
from rnnsym.book.latex import book_document
from rnnsym.book.parts import Built, Chapter

__all__ = ["Built", "Chapter", "book_document", "book_page", "chapters"]
