"""Signals at every moment of a command."""

import os
import signal

import pytest

from instructrec_jax.cli import signals
from tests import programs

_PROGRAM = """
import os, sys
from instructrec_jax.cli import signals
with signals.at_once("instructrec"):
  os.kill(os.getpid(), int(sys.argv[1]))
  os.write(2, b"not ended")
"""


@pytest.mark.parametrize(
  ("number", "status", "word"),
  [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_imports_end_at_once(number, status, word):
  program = programs.start("-c", _PROGRAM, int(number))
  assert program.communicate() == ("", f"instructrec: {word}\n")
  assert program.returncode == status


def test_handlers_are_given_back():
  before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
  open_files = len(os.listdir("/proc/self/fd"))
  with signals.at_once("x"), signals.raised():
    pass
  after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
  assert after == before
  assert len(os.listdir("/proc/self/fd")) == open_files


def test_a_program_that_ignores_ctrl_c_goes_on_doing_so():
  before = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    with signals.at_once("x"):
      os.kill(os.getpid(), signal.SIGINT)
  finally:
    signal.signal(signal.SIGINT, before)


def test_sigterm_is_raised():
  with pytest.raises(signals.Terminated), signals.raised():
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_is_known_behind_what_a_library_makes_of_it():
  changed = ImportError("initialization failed")
  changed.__cause__ = KeyboardInterrupt()
  assert signals.behind(changed) == (130, "interrupted")
  later = RuntimeError("no module")
  later.__context__ = changed
  assert signals.behind(later) == (130, "interrupted")
  assert signals.behind(signals.Terminated()) == (143, "terminated")
  assert signals.behind(ValueError()) is None
