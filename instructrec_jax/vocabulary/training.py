"""Training a small SentencePiece vocabulary on a dataset's own texts."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sentencepiece
import seqio

from instructrec_jax.errors import InputError
from instructrec_jax.instructions.questions import YES_NO
from instructrec_jax.instructions.templates import TEMPLATES
from instructrec_jax.vocabulary.file import FILE_NAME
from instructrec_jax.vocabulary.titles import unwritable

# About as many titles as the history and candidates of an instruction have.
_TITLES_A_TEMPLATE = 20


def build_extras(size: int) -> dict[str, Any]:
  """Returns arguments that make `records.build` also train a vocabulary.

  Args:
    size: the most pieces.
  """

  def extras(
    folder: Path, titles: list[str], texts: list[str]
  ) -> dict[str, int]:
    items = [f"{title}{end}" for title in titles for end in (";", ".", "")]
    words = [text for t in TEMPLATES for text in (t.inputs, t.output)]
    items *= -(-_TITLES_A_TEMPLATE * len(words) // len(items))
    some = texts[:: -(-len(texts) // len(items)) or 1]
    letters = " ".join(sorted(set().union(*texts)))
    texts = [*items, *some, letters, *words, *YES_NO]
    pieces = train(texts, size, folder / FILE_NAME)
    found = unwritable(titles, (folder / FILE_NAME).read_bytes())
    return {"vocabulary_pieces": pieces, **found.counts()}

  return {"extras": extras, "extra_options": {"vocabulary_size": size}}


def train(texts: Iterable[str], size: int, out: Path) -> int:
  """Trains a SentencePiece vocabulary with T5's special ids.

  Args:
    texts: training texts, such as titles and templates.
    size: the most pieces, including padding (0), end (1) and unknown (2); texts
      of few words give fewer.
    out: the model file to write.

  Returns:
    The number of pieces.

  Raises:
    InputError: if no vocabulary can be trained on the texts.
  """
  model = io.BytesIO()
  try:
    sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=iter(texts),
      model_writer=model,
      vocab_size=size,
      model_type="bpe",  # It learns whole words even from very few texts.
      hard_vocab_limit=False,
      pad_id=0,
      eos_id=1,
      unk_id=2,
      bos_id=-1,
      character_coverage=1.0,
      num_threads=1,  # The same texts give the same pieces.
      minloglevel=2,
    )
  except (RuntimeError, OSError) as error:
    raise InputError(
      f"cannot train a vocabulary of {size} pieces on these texts: {error}"
    ) from error
  out.write_bytes(model.getvalue())
  return seqio.SentencePieceVocabulary(str(out)).vocab_size
