"""The log-likelihood of tokens, with one pass over the logits each way.

Autodiff of a log-softmax keeps its exponentials for the gradient, an array as
large as the logits, and adds up the gradients of its two terms in a third.
"""

import jax
import jax.numpy as jnp

from instructrec_jax.model import sharding


@jax.custom_vjp
def token_log_likelihood(
  logits: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Returns the log-likelihood of each target and the log of its normalizer.

  Args:
    logits: float32 [..., V].
    targets: int32 [...].

  Returns:
    Log-likelihoods and log-sum-exps, both float32 [...].
  """
  log_z = jax.nn.logsumexp(logits, axis=-1)
  return target_logit(logits, targets) - log_z, log_z


def target_logit(logits: jax.Array, targets: jax.Array) -> jax.Array:
  """Returns the logit of each target, float32 [...]; see above."""
  if sharding.on_one_cpu():
    return jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
  # A comparison and a sum fuse into one pass, also where V is sharded; taking
  # along the axis would gather V.
  return jnp.sum(jnp.where(_at_target(logits, targets), logits, 0.0), axis=-1)


def _at_target(logits: jax.Array, targets: jax.Array) -> jax.Array:
  return jax.nn.one_hot(targets, logits.shape[-1], dtype=bool)


def _forward(logits: jax.Array, targets: jax.Array) -> tuple:
  outputs = token_log_likelihood(logits, targets)
  return outputs, (logits, targets, outputs[1])


def _backward(kept: tuple, grads: tuple) -> tuple[jax.Array, None]:
  """Gradients: one-hot minus softmax of the first, softmax of the second."""
  logits, targets, log_z = kept
  grad_logp, grad_log_z = (jnp.expand_dims(grad, -1) for grad in grads)
  softmax = jnp.exp(logits - jnp.expand_dims(log_z, -1))
  at_target = jnp.where(_at_target(logits, targets), grad_logp, 0.0)
  return softmax * (grad_log_z - grad_logp) + at_target, None


token_log_likelihood.defvjp(_forward, _backward)
