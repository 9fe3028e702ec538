"""The one vocabulary of a run: T5's SentencePiece, or one of your own.

Which of them a run uses is one gin setting, `vocabulary.location` (see
vocabulary_file.py):

  "t5"            T5's and Flan-T5's vocabulary, read from the public bucket;
  a dataset       the small one that `instructrec build --vocabulary_size` has
                  trained on that dataset's texts and left beside its records;
  a path          any SentencePiece model file.

Tasks are registered before gin is read, so they hold `RUN_VOCABULARY`, which
looks the setting up when it is first used.
"""

import hashlib
from typing import Any

import seqio

from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary.file import path


class RunVocabulary(seqio.SentencePieceVocabulary):
  """SentencePiece vocabulary whose file is the run's `vocabulary.location`."""

  def __init__(self):
    # The fast tokenizer holds no resource, so that the input pipeline's place
    # can be saved in a checkpoint; it gives the same pieces.
    super().__init__("", use_fast_tokenizer=False)

  @property
  def sentencepiece_model_file(self) -> str:
    """The file that the run's setting names."""
    return path()

  def _model_context(self) -> Any:
    if self._model is None:
      self._sentencepiece_model_file = path()
      try:
        super()._model_context()
      except Exception as error:
        raise InputError(
          f"cannot read the vocabulary {self._sentencepiece_model_file}: "
          f"{error}. Without access to the public bucket, bind "
          "vocabulary.location to a local copy, or to a dataset built with "
          "--vocabulary_size."
        ) from error
    return self._model

  def forget(self) -> None:
    """Looks the setting up anew at the next use (gin was changed)."""
    self._model = None


RUN_VOCABULARY = RunVocabulary()


def describe() -> dict[str, str | int]:
  """Returns file, digest and number of pieces of the run's vocabulary."""
  model = RUN_VOCABULARY.sp_model
  return {
    "file": path(),
    "sha256": hashlib.sha256(model).hexdigest(),
    "pieces": RUN_VOCABULARY.vocab_size,
  }
