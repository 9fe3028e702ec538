"""Mixtures of ITDR's tasks, and of everything."""

import pytest
import seqio

from instructrec_jax import tasks
from instructrec_jax.itdr.pairs import PAIRS


@pytest.mark.parametrize(
  ("name", "number"), [("", 33), ("interaction", 16), ("understanding", 17),
                       ("top_k", 7), ("cross_domain", 1), ("interests", 3)],
)  # fmt: skip
def test_mixtures_have_their_tasks(built, itdr_data, name, number):
  mixture = seqio.MixtureRegistry.get("_".join(filter(None, ("itdr", name))))
  assert len(mixture.tasks) == number
  manifests = itdr_data[1].manifests
  for task in mixture.tasks:
    counts = manifests[task.name.removeprefix("itdr_")]["counts"]
    assert mixture.get_rate(task) == counts["records"]["train"]


def test_everything_is_itdr_and_what_was_found(built, small_data, tmp_path):
  for folder in (built, small_data):
    for records in (folder / "records").iterdir():
      (tmp_path / records.name).symlink_to(records)
  tasks.register_found(small_data / "records")
  mixture = seqio.MixtureRegistry.get("instructrec_all")
  assert not any(task.name.startswith("itdr_") for task in mixture.tasks)
  tasks.register_found(tmp_path)
  mixture = seqio.MixtureRegistry.get("instructrec_all")
  names = {task.name for task in mixture.tasks}
  assert {pair.task for pair in PAIRS.values()} < names
  assert "instructrec_small_p1_i0_t3" in names
  share = sum(
    mixture.get_rate(task)
    for task in mixture.tasks
    if task.name.startswith("itdr_")
  )
  assert share == pytest.approx(1.0)
  assert mixture.total_rate == pytest.approx(2.0)


def test_one_program_reads_several_folders(built, tmp_path):
  """SeqIO's own loader would go on with the folder that it read first."""
  task = seqio.get_mixture_or_task(next(iter(PAIRS.values())).task)
  for folder, there in ((tmp_path, False), (built / "records", True)):
    seqio.set_tfds_data_dir_override(str(folder))
    assert ("train" in task.splits) == there
