"""Stops a run in which no answer of the model can be used."""

import collections

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import answer

# If so many answers cannot be used and none before them could, the next ones
# will not be better.
FIRST = 20
_SHOWN = 120
# What can be done about answers that cannot be used.
_REMEDIES = {
  answer.CUT: "Raise max_tokens, for instance with "
  "--sampling='{\"max_tokens\": 2000}'; a model that reasons needs more.",
  answer.MALFORMED: "The model does not write the JSON object that it is asked "
  "for: try another --response_format, or another --model.",
}
_OTHERWISE = "Try another --model."


class Trial:
  """Counts the first answers of a model until one of them can be used."""

  def __init__(self, model: str):
    """Starts to count.

    Args:
      model: what answers, for the message.
    """
    self._model = model
    self._faults: collections.Counter[str] = collections.Counter()
    self._example = ""
    self._passed = False

  def note(self, fault: str | None, said: str) -> None:
    """Counts an answer.

    Args:
      fault: why it cannot be used, or None.
      said: the answer, or the server's words.

    Raises:
      InputError: none of the first FIRST answers can be used.
    """
    if fault is None:
      self._passed = True
    if self._passed:
      return
    self._example = self._example or said
    self._faults[fault or ""] += 1
    if self._faults.total() >= FIRST:
      self._stop()

  def end(self) -> None:
    """Ends the count: all that was asked for has an answer.

    Raises:
      InputError: there were answers, none can be used, and something can be
        done about all of them.
    """
    if (
      not self._passed
      and self._faults
      and self._faults.keys() <= _REMEDIES.keys()
    ):
      self._stop()

  def _stop(self) -> None:
    faults = self._faults.most_common()
    said = ", ".join(f"{count} x {fault}" for fault, count in faults)
    example = " ".join(self._example.split())
    raise InputError(
      f"{self._model}: none of the first {self._faults.total()} answers can be "
      f"used ({said}). {_REMEDIES.get(faults[0][0], _OTHERWISE)} "
      f"The first answer was {example[:_SHOWN]!r}. All are kept, and are not "
      "paid for again"
    )
