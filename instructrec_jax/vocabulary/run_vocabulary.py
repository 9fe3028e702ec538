"""The vocabulary of a run: T5's SentencePiece vocabulary or one of your own.

The gin setting `vocabulary.location` (see file.py) chooses it:

  "t5"            the vocabulary of T5 and Flan-T5, read from the public bucket
  a dataset       the small vocabulary that `instructrec build
                  --vocabulary_size` trained and wrote beside its records
  a path          a SentencePiece model file

Tasks are registered before gin is read, so they hold `RUN_VOCABULARY`, which
reads the setting when it is first used.
"""

import hashlib
from typing import Any

import seqio

from instructrec_jax import paths
from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary.file import path


class RunVocabulary(seqio.SentencePieceVocabulary):
  """The SentencePiece vocabulary of the setting `vocabulary.location`."""

  def __init__(self):
    # The slow tokenizer would hold a resource, and the input pipeline's state
    # could not be saved in a checkpoint. Both tokenizers give the same pieces.
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
          f"{error}. If the public bucket cannot be reached, bind "
          "vocabulary.location to a local copy or to a dataset built with "
          "--vocabulary_size."
        ) from error
    return self._model

  def forget(self) -> None:
    """Makes the next use read the setting again, after gin has changed."""
    self._model = None


RUN_VOCABULARY = RunVocabulary()


def describe() -> dict[str, str | int]:
  """Returns the file, the digest and the size of the run's vocabulary.

  The path of the file is absolute, so that other folders can use it.
  """
  model = RUN_VOCABULARY.sp_model
  return {
    "file": str(paths.absolute(path())),
    "sha256": hashlib.sha256(model).hexdigest(),
    "pieces": RUN_VOCABULARY.vocab_size,
  }
