"""The page of a dataset."""

import seqio

from instructrec_jax.describe import gather, page, tables

_ANY = {"inputs": 10**6, "targets": 10**6}


def _gathered(data, families, lengths=_ANY, sample=0):
  chosen = {
    name: seqio.get_mixture_or_task(f"instructrec_small_{name}")
    for name in families
  }
  return gather.gather("small", chosen, data, lengths, sample, seed=0)


def test_a_page_shows_tokens_beside_their_limit(small):
  numbers = _gathered(
    small, ["p0_i1_t2"], {"inputs": 77, "targets": 33}, sample=5
  )
  html = page.render(numbers)
  assert html.count("<svg") == 3
  spread = numbers.families[0].rendered.inputs
  told = f"p0_i1_t2 {spread.mean:.1f}, at most {spread.largest}; limit 77."
  assert told in html
  assert "are 77 tokens of inputs and 33 of targets" in tables.markdown(numbers)
