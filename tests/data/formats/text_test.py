import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data.formats import blocks, text

_FIELDS = st.sampled_from(
  ("", "a", '"', '"b"', "#c", "null", "é", "x" * 30, " ", "\r", "d\re", "0")
)
_REGULAR = st.lists(_FIELDS, min_size=3, max_size=3)
_ANY = st.lists(_FIELDS, min_size=1, max_size=5)


@settings(deadline=None, max_examples=150)
@given(
  lines=st.lists(st.one_of(_REGULAR, _ANY), min_size=1, max_size=12)
  | st.lists(_REGULAR, min_size=1, max_size=12),
  block=st.sampled_from([10, 40, 1 << 20]),
)
def test_pieces_are_what_splitting_by_hand_gives(
  lines, block, tmp_path_factory
):
  path = tmp_path_factory.mktemp("text") / "x.tsv"
  data = "".join("\t".join(line) + "\n" for line in lines)
  path.write_bytes(data.encode())
  want, want_wrong = [], []
  for number, line in enumerate(data.split("\n")[:-1], 1):
    fields = line.removesuffix("\r").split("\t")
    if fields == [""]:
      continue
    if len(fields) == 3:
      want.append((number, *fields))
    else:
      want_wrong.append(number)
  got, wrong = [], []
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(blocks, "_BLOCK", block)
    patch.setattr(blocks, "_READ", block)
    for rows, odd in text.unquoted_pieces(path, "\t", ("a", "b", "c")):
      got += rows.rows()
      wrong += odd
  assert got == want
  assert wrong == want_wrong
