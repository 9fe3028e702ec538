"""Topologies, and what is said where there is none."""

import importlib.util

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.plan import chips, compile


@pytest.mark.parametrize(
  ("name", "expected"),
  [
    ("v7:2x2", "unknown TPU chip 'v7'.*known: v4, v5e, v5p, v6e"),
    ("v5litepod:4x4", "unknown TPU chip 'v5litepod'"),
    ("v5e", "unknown topology 'v5e': expected v5e:SHAPE.* 1x1, 2x2, 2x4, 4x4"),
    ("v5e:16", "unknown topology 'v5e:16'"),
    ("v5e:4x4x4", "unknown topology 'v5e:4x4x4'"),
    ("v4:2x2", "unknown topology 'v4:2x2'.* 2x2x1, 2x2x2, 2x2x4"),
    ("v5p:0x2x2", "unknown topology 'v5p:0x2x2'"),
  ],
)
def test_topologies_that_are_none(name, expected):
  with pytest.raises(InputError, match=expected):
    chips.topology(name)


def test_without_libtpu_it_says_what_to_install(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(InputError, match=r"pip install 'instructrec-jax\[tpu\]'"):
    chips.topology("v5e:4x4")


# As libtpu 0.0.42 words them.
_TOO_LARGE = (
  "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for "
  "HLO temporaries (120.00G) exceeds available HBM (15.75G)."
)
_TOO_MUCH = (
  "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in "
  "memory space hbm. Used 20.13G of 15.75G hbm. Exceeded hbm capacity by 4.38G."
)


@pytest.mark.parametrize(
  ("message", "gib"),
  [
    (_TOO_LARGE, 120),
    (_TOO_MUCH, 20.13),
    (_TOO_MUCH.replace("20.13G", "1.5T"), 1536),
    ("INVALID_ARGUMENT: something else, Used 3G", None),
  ],
)
def test_memory_that_does_not_suffice_is_read_out_of_the_error(message, gib):
  expected = None if gib is None else int(gib * chips.GIB)
  assert compile.needed_bytes(message) == expected
