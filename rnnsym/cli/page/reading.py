"""The corpus: its words as numbers, its shapes, and what gradient descent made of it."""

from __future__ import annotations

from html import escape

from rnnsym.cli.page.content import Content, Reading, Training
from rnnsym.cli.page.markup import counted, section, table

MOST_TEXTS = 20  # shown on the page; corpus.json has all
WIDTH, HEIGHT, BASE = 600, 150, 130  # of the curve of losses, in points


def corpus_part(content: Content) -> str:
    """Return the corpus and the training on it, or why there is none."""
    if content.reading is None:
        return section("corpus", "A corpus", f"<p>{escape(content.unread)}</p>")
    reading = content.reading
    learnt = f"<p>{escape(reading.unlearnt)}</p>" if reading.training is None else _descent(reading.training)
    return section("corpus", f"The corpus: {reading.corpus.name}", _vocabulary(reading), _texts(reading), learnt)


def _vocabulary(reading: Reading) -> str:
    vocabulary, shape = reading.corpus.vocabulary, reading.corpus.batch().inputs.shape
    shown = ", ".join(f"{word} {place}" for place, word in enumerate(vocabulary.words[:MOST_TEXTS], start=1))
    more = " …" if len(vocabulary) > MOST_TEXTS else ""
    return (f"<p>{counted(len(vocabulary), 'word')}, numbered in order of first appearance: {escape(shown)}{more}. "
            f"Each becomes a row of the identity. Padded, the batch is {' × '.join(map(str, shape))} (batch, time "
            "steps, features); steps past a text’s length change nothing.</p>")


def _texts(reading: Reading) -> str:
    corpus, vocabulary = reading.corpus, reading.corpus.vocabulary
    rows: list[tuple[str, ...]] = [
        (escape(text), f"{label:g}", " ".join(map(str, vocabulary.encode(text))),
         " × ".join(map(str, vocabulary.one_hot(text).shape)))
        for text, label in list(zip(corpus.texts, corpus.labels, strict=True))[:MOST_TEXTS]
    ]
    header: tuple[str, ...] = ("text", "label", "integers", "time steps × features")
    if reading.training is not None:
        rows = [(*row, f"{output:.3f}") for row, output in zip(rows, reading.training.outputs, strict=False)]
        header = (*header, "output after descent")
    left = len(corpus.texts) - MOST_TEXTS
    more = f"<p>… and {left} more in corpus.json.</p>" if left > 0 else ""
    return table(f"The texts of {corpus.name}", header, rows, numbers=(1, 4)) + more


def _descent(training: Training) -> str:
    losses = training.losses
    words = (f"{counted(len(losses) - 1, 'step')} of gradient descent with η = {training.learning_rate:g} take the "
             f"loss from {losses[0]:.4f} to {losses[-1]:.4f}.")
    return f'<figure id="training">{_curve(losses, words)}<figcaption>{words}</figcaption></figure>'


def _curve(losses: tuple[float, ...], words: str) -> str:
    """Return the losses as a line above zero; the axes are the first and the last step, zero and the largest loss."""
    top = max(losses)
    points = " ".join(f"{40 + (WIDTH - 50) * place / (len(losses) - 1):.1f},"
                      f"{BASE - (BASE - 10) * loss / top:.1f}" for place, loss in enumerate(losses))
    return (f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="training-words">'
            f'<title id="training-words">The loss over the steps of descent: {words}</title>'
            f'<path d="M40 10V{BASE}H{WIDTH - 10}" class="axis"/><polyline points="{points}"/>'
            f'<text x="34" y="14" class="end">{top:.2f}</text><text x="34" y="{BASE}" class="end">0</text>'
            f'<text x="40" y="{HEIGHT - 4}">step 0</text>'
            f'<text x="{WIDTH - 10}" y="{HEIGHT - 4}" class="end">step {len(losses) - 1}</text></svg>')
