"""The table of systems."""

from instructrec_jax import gin_files
from instructrec_jax.baselines import rank as baselines
from instructrec_jax.reproduce import systems


def test_systems_are_those_of_the_tree():
  for name, system in systems.SYSTEMS.items():
    assert system.kind in systems.KINDS
    if system.kind == systems.BASELINE:
      assert name in baselines.BASELINES
    if system.gin_file is not None:
      assert (gin_files.path() / system.gin_file).is_file()
  for experiment in (systems.TINY, systems.FLAGSHIP):
    assert (gin_files.path() / experiment).is_file()
