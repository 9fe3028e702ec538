"""What asking takes, by hand."""

import polars as pl
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import cache, chat, cost, manner
from instructrec_jax.teacher.protocol import INSTANCE, INTENTION


def test_a_million_tokens_have_a_price():
  prices = cost.Prices(2.0, 8.0)
  assert prices.cost(500_000, 250_000) == {"cost": 3.0}
  assert cost.Prices().cost(500_000, 250_000) == {}
  with pytest.raises(InputError, match="both --price_input and"):
    cost.Prices(input=2.0)


def test_what_is_asked_already_costs_nothing_more(tmp_path):
  questions = chat.Chat("toy", manner.TEACHING.sampling)
  kept = cache.Cache(tmp_path / "a.db")
  reviews = ["For my son.", "For my son.", "For my dog."]
  batch = pl.DataFrame({INSTANCE: range(3), "review": reviews})
  bodies = [
    questions.body(INTENTION, row) for row in batch.iter_rows(named=True)
  ]
  prices = cost.Prices(1.0, 10.0)
  found = cost.estimate(questions, kept, [(INTENTION, [batch])], prices)
  tokens = chat.about_tokens(bodies[0]) + chat.about_tokens(bodies[2])
  expected = {
    "requests": 2,
    "input_tokens": tokens,
    "output_tokens": 160,
    "cost": round((tokens + 1600) / 1e6, 4),
  }
  assert found == {"intention": expected, "in_all": expected}
  texts = '{"vague_intention": "A gift.", "vague_intention_2": "A present."}'
  kept.put(questions.key(INTENTION, bodies[0]), 0, cache.Answer(texts))
  left = cost.estimate(questions, kept, [(INTENTION, [batch])], prices)
  assert left["in_all"]["requests"] == 1
  assert left["in_all"]["input_tokens"] == chat.about_tokens(bodies[2])


def test_the_cost_of_a_run_and_of_all():
  counts = {
    "input_tokens_sent": 1_000_000, "output_tokens_sent": 500_000,
    "input_tokens_kept_before": 2_000_000,
  }  # fmt: skip
  found = cost.taken(counts, cost.Prices(1.0, 2.0))
  assert found == counts | {"cost_of_this_run": 2.0, "cost_in_all": 4.0}
  assert cost.taken(counts, cost.Prices()) == counts
