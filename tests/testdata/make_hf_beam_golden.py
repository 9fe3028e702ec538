"""Makes hf_beams.npz: titles that Hugging Face's constrained search finds.

It has titles of few tokens, and what `generate` with `prefix_allowed_tokens_fn`
finds among them with the network of hf_t5_uneven.npz, by a narrow beam and by
one as wide as there are titles. Needs torch and transformers:

  python tests/testdata/make_hf_beam_golden.py
"""

import pathlib

import numpy as np
import torch
from make_hf_t5_golden import CONFIGS, hf_model, names

FOLDER = pathlib.Path(__file__).parent
NUM_TITLES = 40
BEAMS = (3, NUM_TITLES)
INPUT_LENGTH = 40


def load() -> tuple[torch.nn.Module, torch.Tensor]:
  """Returns the network of hf_t5_uneven.npz, and its inputs, cut."""
  config = CONFIGS["uneven"]
  with np.load(FOLDER / "hf_t5_uneven.npz") as file:
    arrays = dict(file)
  model = hf_model(config)
  state = {}
  for hf_name, (name, transpose) in names(config).items():
    value = arrays[f"params/{name}"]
    state[hf_name] = torch.from_numpy(value.T.copy() if transpose else value)
  state["encoder.embed_tokens.weight"] = state["shared.weight"]
  state["decoder.embed_tokens.weight"] = state["shared.weight"]
  model.load_state_dict(state, strict=True)
  return model, torch.from_numpy(arrays["inputs"][:, :INPUT_LENGTH]).long()


def make_titles() -> list[tuple[int, ...]]:
  """Returns titles with EOS, many of which begin alike."""
  rng = np.random.default_rng(0)
  drawn = (rng.integers(2, 7, rng.integers(1, 6)).tolist() for _ in range(1000))
  different = dict.fromkeys((*title, 1) for title in drawn)
  return list(different)[:NUM_TITLES]


@torch.no_grad()
def search(
  model: torch.nn.Module,
  inputs_BxL: torch.Tensor,
  titles: list[tuple[int, ...]],
  beams: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns items [B, beams], and their log-likelihoods."""

  def may_follow(_, tokens: torch.Tensor) -> list[int]:
    start = tuple(tokens.tolist()[1:])
    after = {t[len(start)] for t in titles if t[: len(start)] == start != t}
    return sorted(after) or [0]  # A beam that has ended is asked as well.

  found = model.generate(
    inputs_BxL,
    attention_mask=(inputs_BxL > 0).long(),
    num_beams=beams,
    num_return_sequences=beams,
    max_new_tokens=max(map(len, titles)),
    length_penalty=0.0,
    prefix_allowed_tokens_fn=may_follow,
    return_dict_in_generate=True,
    output_scores=True,
  )
  items = [
    titles.index(tuple(tokens[: tokens.index(1) + 1]))
    for tokens in found.sequences[:, 1:].tolist()
  ]
  shape = (len(inputs_BxL), beams)
  scores = found.sequences_scores.numpy().astype(np.float32)
  return np.array(items, np.int32).reshape(shape), scores.reshape(shape)


def main() -> None:
  """Writes the golden beside this script."""
  model, inputs = load()
  titles = make_titles()
  tokens = np.zeros((NUM_TITLES, max(map(len, titles))), np.int32)
  for row, title in zip(tokens, titles, strict=True):
    row[: len(title)] = title
  arrays = {"inputs": inputs.numpy().astype(np.int32), "titles": tokens}
  for beams in BEAMS:
    arrays[f"items_{beams}"], arrays[f"scores_{beams}"] = search(
      model, inputs, titles, beams
    )
  np.savez_compressed(FOLDER / "hf_beams.npz", **arrays)


if __name__ == "__main__":
  main()
