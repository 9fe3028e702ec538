"""Graphs of tasks, traced once where SeqIO has them traced for each dataset.

Tracing is most of what a test of tasks takes; the graph is the same whenever
all that it is made of is.
"""

from collections.abc import Callable
from typing import Any

import gin
import seqio
import tensorflow as tf

from instructrec_jax.tasks import parts


def _made_of(output_features, sequence_length) -> tuple:
  """Returns what decides on a task's graph, beside the task."""
  vocabulary = output_features["candidates"].vocabulary
  pieces = getattr(vocabulary, "sp_model", None)
  return (
    pieces,
    tuple(sorted((sequence_length or {}).items())),
    gin.config_str(),
  )


def rendering(render: Callable[..., Any], **given: Any) -> Callable:
  """Returns what `parts.rendering` does, with graphs that are kept."""
  graphs = {}

  def kept(output_features, sequence_length):
    made_of = _made_of(output_features, sequence_length)
    if made_of not in graphs:

      def step(record, seed):
        return render(
          record,
          seed,
          output_features=output_features,
          sequence_length=sequence_length,
          **given,
        )

      graphs[made_of] = tf.function(step, autograph=False)
    return graphs[made_of]

  def preprocessor(records, output_features, sequence_length=None):
    graph = kept(output_features, sequence_length)
    return seqio.map_over_dataset(
      lambda record, seed: graph(record, seed), num_seeds=1
    )(records)

  return preprocessor


def keep_graphs() -> None:
  """Lets tasks that are registered from here on keep their graphs."""
  parts.rendering = rendering
