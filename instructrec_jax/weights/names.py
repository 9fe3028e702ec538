"""Hugging Face's names of T5.1.1's weights, and which are transposed.

T5X's kernels are [in, out]; Hugging Face's `torch.nn.Linear`s are [out, in].
Position biases are [heads, buckets] in T5X and [buckets, heads] in Hugging
Face's first block of each stack. The token table is the same in both.
"""

_ATTENTION = {"q": "query", "k": "key", "v": "value", "o": "out"}
# Each stack's sublayers, as (Hugging Face's name, T5X's, T5X's norm).
_SUBLAYERS = {
  "encoder": (
    ("SelfAttention", "attention", "pre_attention_layer_norm"),
    ("DenseReluDense", "mlp", "pre_mlp_layer_norm"),
  ),
  "decoder": (
    ("SelfAttention", "self_attention", "pre_self_attention_layer_norm"),
    (
      "EncDecAttention",
      "encoder_decoder_attention",
      "pre_cross_attention_layer_norm",
    ),
    ("DenseReluDense", "mlp", "pre_mlp_layer_norm"),
  ),
}
_MLP = {"wi_0": "wi_0", "wi_1": "wi_1", "wo": "wo"}

# Copies of the token table that Hugging Face's files may hold.
COPIES = {
  "encoder.embed_tokens.weight": "shared.weight",
  "decoder.embed_tokens.weight": "shared.weight",
}


def hf_names(
  num_encoder_layers: int, num_decoder_layers: int
) -> dict[str, str]:
  """Returns Hugging Face's name for each of T5X's names."""
  names = {
    "token_embedder/embedding": "shared.weight",
    "decoder/logits_dense/kernel": "lm_head.weight",
  }
  layers = {"encoder": num_encoder_layers, "decoder": num_decoder_layers}
  for stack, sublayers in _SUBLAYERS.items():
    names[f"{stack}/{stack}_norm/scale"] = f"{stack}.final_layer_norm.weight"
    names[f"{stack}/relpos_bias/rel_embedding"] = (
      f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    )
    for n in range(layers[stack]):
      for i, (theirs, ours, norm) in enumerate(sublayers):
        block, layer = f"{stack}.block.{n}.layer.{i}", f"{stack}/layers_{n}"
        names[f"{layer}/{norm}/scale"] = f"{block}.layer_norm.weight"
        kernels = _MLP if ours == "mlp" else _ATTENTION
        for short, long in kernels.items():
          names[f"{layer}/{ours}/{long}/kernel"] = (
            f"{block}.{theirs}.{short}.weight"
          )
  return names


def is_transposed(name: str) -> bool:
  """Returns whether Hugging Face stores T5X's parameter `name` transposed."""
  return name.endswith(("/kernel", "/rel_embedding"))
