"""What is printed, on terminals of all kinds."""

import io
import sys

import pytest

from instructrec_jax.cli.shared import terminal


def test_no_text_commands_the_terminal(capsys):
  with terminal.safe_output():
    print("a\x1b[31mred\x07\x9b\r\tb\u202e\u0085")
    terminal.complain("x\x1b]0;title\x07\nsecond")
  shown = capsys.readouterr()
  assert shown.out == "a\\x1b[31mred\\x07\\x9b\\r\tb\\u202e\\x85\n"
  assert shown.err == "x\\x1b]0;title\\x07\nsecond\n"


def test_other_texts_are_printed_as_they_are(capsys):
  text = "Cité 映画 ﷺ ‏שלום 👩‍👩‍👧 e\u0301"
  with terminal.safe_output():
    print(text)
    sys.stdout.writelines([text, "\n"])
    assert sys.stdout.encoding
  assert capsys.readouterr().out == f"{text}\n{text}\n"


def test_a_terminal_of_ascii_and_names_that_are_not_utf_8(monkeypatch):
  raw = io.BytesIO()
  monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
  with terminal.safe_output():
    print("é \u2192 \udcff")
  assert raw.getvalue() == b"\\xe9 \\u2192 \\udcff\n"


class _Closed(io.StringIO):
  """A pipe that nobody reads any more."""

  def write(self, text):
    raise BrokenPipeError

  def flush(self):
    raise BrokenPipeError


@pytest.mark.parametrize("exits", [False, True])
def test_a_reader_that_is_gone_is_told_from_other_pipes(monkeypatch, exits):
  def end():
    if exits:  # As --help does, with what it has printed.
      raise SystemExit(0)
    print("x")

  monkeypatch.setattr(sys, "stdout", _Closed())
  with pytest.raises(terminal.ReaderGone), terminal.safe_output():
    end()
  monkeypatch.undo()
  with pytest.raises(BrokenPipeError), terminal.safe_output():
    raise BrokenPipeError  # Of a socket.
