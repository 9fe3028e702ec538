"""Makes hf_tiny.tar.xz: one tiny T5.1.1 as PyTorch and Hugging Face save it.

  safetensors/   one file, by save_pretrained
  sharded/       several with an index, by save_pretrained
  bin/           one .bin, by torch.save, with the copies of the token table
  bin_sharded/   two .bin with an index, in bfloat16
  params.npz     the weights under T5X's names

Needs torch and transformers:

  python tests/testdata/make_hf_checkpoints.py
"""

import json
import pathlib
import shutil
import tempfile

import make_hf_t5_golden as golden
import numpy as np
import torch

CONFIG = {
  "vocab_size": 20,
  "emb_dim": 8,
  "num_heads": 2,
  "num_encoder_layers": 2,
  "num_decoder_layers": 1,
  "head_dim": 3,
  "mlp_dim": 12,
}


def save(folder: pathlib.Path) -> None:
  """Writes the folders and the weights."""
  model = golden.hf_model(CONFIG)
  params = golden.randomize(model, CONFIG, seed=0)
  np.savez(folder / "params.npz", **params)
  model.save_pretrained(folder / "safetensors")
  model.save_pretrained(folder / "sharded", max_shard_size="5KB")
  assert len(list((folder / "sharded").glob("*.safetensors"))) > 2
  for name in ("bin", "bin_sharded"):
    (folder / name).mkdir()
    model.config.save_pretrained(folder / name)
  state = model.state_dict()
  torch.save(state, folder / "bin" / "pytorch_model.bin")

  halves = {name: value.to(torch.bfloat16) for name, value in state.items()}
  names = sorted(halves)
  where = {}
  for n, part in enumerate((names[::2], names[1::2]), start=1):
    file = f"pytorch_model-{n:05}-of-00002.bin"
    torch.save(
      {name: halves[name] for name in part}, folder / "bin_sharded" / file
    )
    where |= dict.fromkeys(part, file)
  index = {"metadata": {}, "weight_map": where}
  path = folder / "bin_sharded" / "pytorch_model.bin.index.json"
  path.write_text(json.dumps(index))


def main() -> None:
  """Writes the archive beside this script."""
  out = pathlib.Path(__file__).with_name("hf_tiny.tar.xz")
  with tempfile.TemporaryDirectory() as folder:
    save(pathlib.Path(folder))
    shutil.make_archive(str(out).removesuffix(".tar.xz"), "xztar", folder)
  print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
  main()
