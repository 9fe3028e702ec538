"""T5X's checkpoints, in both of its formats, as T5X itself wrote them."""

import http.server
import shutil
import threading
import urllib.parse

import jax
import numpy as np
import pytest
from flax import serialization

from instructrec_jax.errors import InputError
from instructrec_jax.model import network, ranking_model, sharding
from instructrec_jax.train import checkpoint
from instructrec_jax.weights import convert, formats, shapes, t5x
from tests.testdata import make_t5x_checkpoints as made

CONFIG = network.T5Config(**made.CONFIG)
FORMATS = ("old", "orbax")


def assert_made(params):
  assert shapes.table(params) == shapes.parameters_of(CONFIG)
  for name, value in params.items():
    expected = made.numbers(f"target/{name}", value.shape)
    np.testing.assert_array_equal(np.asarray(value), expected, err_msg=name)


def assert_made_state(state):
  assert state.step == made.STEP
  assert len(state.slots) == 3 * len(shapes.parameters_of(CONFIG))
  kept = 0
  for name, value in state.slots.items():
    if value.shape == (1,):
      expected = np.zeros(1)
    else:
      kept += 1
      expected = made.numbers(f"state/param_states/{name}", value.shape)
    np.testing.assert_array_equal(value, expected, err_msg=name)
  assert kept > len(shapes.parameters_of(CONFIG))


@pytest.mark.parametrize("kind", FORMATS)
def test_both_formats_are_read_to_the_bit(t5x_tiny, kind):
  found = formats.find(t5x_tiny / kind)
  assert (found.format, found.step) == ("t5x", made.STEP)
  params = found.params()
  assert_made({name: value.read() for name, value in params.items()})
  assert_made_state(t5x.optimizer(found.folder, params))


@pytest.mark.parametrize("kind", FORMATS)
def test_they_load_where_each_array_belongs(t5x_tiny, kind):
  mesh = sharding.make_mesh(2)
  expected = ranking_model.RankingModel(CONFIG).parameter_shapes()
  places = sharding.tree_shardings(mesh, expected, expected)
  like = sharding.placed(expected, places)
  params = checkpoint.load_params(
    t5x_tiny / kind / f"checkpoint_{made.STEP}", like
  )
  jax.tree.map(lambda x, place: x.sharding == place or 1 / 0, params, places)
  flat = {
    sharding.path_name(path): np.asarray(value)
    for path, value in jax.tree_util.tree_leaves_with_path(params)
  }
  assert_made(flat)


@pytest.mark.parametrize("kind", FORMATS)
def test_round_trip_by_our_format_keeps_every_bit(t5x_tiny, kind, tmp_path):
  convert.convert(t5x_tiny / kind, tmp_path / "a", "native", optimizer="carry")
  convert.convert(tmp_path / "a", tmp_path / "b", "t5x", optimizer="carry")
  found = formats.find(tmp_path / "b")
  assert found.folder.name == f"checkpoint_{made.STEP}"
  params = found.params()
  assert_made({name: value.read() for name, value in params.items()})
  assert_made_state(t5x.optimizer(found.folder, params))


def test_reset_starts_at_step_0(t5x_tiny, tmp_path):
  convert.convert(t5x_tiny / "old", tmp_path / "out", "t5x")
  found = formats.find(tmp_path / "out")
  assert found.folder.name == "checkpoint_0"
  state = t5x.optimizer(found.folder, found.params())
  assert state.step == 0
  assert not any(value.any() for value in state.slots.values())


@pytest.fixture
def old(t5x_tiny, tmp_path):
  """A copy that a test may break."""
  folder = tmp_path / "old" / f"checkpoint_{made.STEP}"
  shutil.copytree(t5x_tiny / "old" / folder.name, folder)
  return folder


def rewrite(folder, change):
  path = folder / "checkpoint"
  tree = serialization.msgpack_restore(path.read_bytes())
  change(tree["optimizer"])
  path.write_bytes(serialization.msgpack_serialize(tree))


def test_arrays_may_stand_in_the_file_itself(old):
  def inline(tree):
    tree["target"]["encoder"]["encoder_norm"]["scale"] = np.full(
      (128,), 5, np.float32
    )

  rewrite(old, inline)
  params = formats.find(old).params()
  assert (params["encoder/encoder_norm/scale"].read() == 5).all()


def test_specs_of_other_times_and_places_are_understood(old):
  def change(tree):
    spec = tree["target"]["token_embedder"]["embedding"]
    path = spec["kvstore"]["path"]
    spec["kvstore"] = {"driver": "gcs", "bucket": "t5x-dummy-bucket"}
    spec["path"] = path  # As before TensorStore 0.1.14.

  rewrite(old, change)
  params = formats.find(old).params()
  assert_made({name: value.read() for name, value in params.items()})


@pytest.fixture
def storage(t5x_tiny, monkeypatch):
  """Google's storage service, reduced to reading the objects of one bucket."""
  asked = []

  class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
      path = urllib.parse.urlparse(self.path).path
      before, _, name = path.partition("/o/")
      assert before == "/storage/v1/b/bucket"
      file = t5x_tiny / urllib.parse.unquote(name)
      asked.append(file)
      data = file.read_bytes() if file.is_file() else b""
      self.send_response(200 if file.is_file() else 404)
      self.send_header("Content-Length", str(len(data)))
      self.send_header("x-goog-generation", "1")
      self.end_headers()
      self.wfile.write(data)

    def log_message(self, *_):
      pass

  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  url = f"http://127.0.0.1:{server.server_port}"
  monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", url)
  monkeypatch.setenv("GCE_METADATA_ROOT", "127.0.0.1:1")  # No credentials.
  yield asked
  server.shutdown()
  server.server_close()


class InBucket:
  """A local folder under the name that it has in the bucket."""

  def __init__(self, local, root):
    self._local, self._root = local, root

  def __truediv__(self, name):
    return InBucket(self._local / name, self._root)

  def __str__(self):
    return f"gs://bucket/{self._local.relative_to(self._root)}"

  def __getattr__(self, name):
    return getattr(self._local, name)


def test_arrays_are_read_from_a_bucket(t5x_tiny, storage):
  folder = InBucket(t5x_tiny / "old" / f"checkpoint_{made.STEP}", t5x_tiny)
  params = t5x.params(folder)
  assert not storage  # Nothing is read before it is wanted.
  assert_made({name: value.read() for name, value in params.items()})
  assert len(storage) == 2 * len(params)


def test_a_parameter_too_few_is_named(old, tmp_path):
  rewrite(old, lambda tree: tree["target"]["decoder"].pop("decoder_norm"))
  with pytest.raises(
    InputError,
    match=r"1 parameters missing: decoder/decoder_norm/scale",
  ):
    convert.convert(old, tmp_path / "out", "native")


def test_another_shape_is_named(old, tmp_path):
  def change(tree):
    tree["target"]["decoder"]["decoder_norm"]["scale"] = np.zeros(64)

  rewrite(old, change)
  with pytest.raises(
    InputError,
    match=r"decoder_norm/scale is expected to be \[128\], found \[64\]",
  ):
    convert.convert(old, tmp_path / "out", "native")


def test_a_tied_network_is_named(old, tmp_path):
  rewrite(old, lambda tree: tree["target"]["decoder"].pop("logits_dense"))
  with pytest.raises(
    InputError, match=r"not an untied T5.1.1.*logits_dense.*miss"
  ):
    convert.convert(old, tmp_path / "out", "native")


@pytest.mark.parametrize("gone", [".zarray", "0.0"])
def test_an_array_that_is_gone_is_named(old, tmp_path, gone):
  (old / "target.encoder.layers_0.mlp.wo.kernel" / gone).unlink()
  with pytest.raises(
    InputError, match=r"array .*/target.*mlp.wo.kernel/ cannot"
  ):
    convert.convert(old, tmp_path / "out", "native")
  assert not (tmp_path / "out").exists()


def test_momentum_cannot_be_carried(old, tmp_path):
  def change(tree):
    states = tree["state"]["param_states"]
    states["encoder"]["encoder_norm"]["scale"]["m"] = np.ones(128)

  rewrite(old, change)
  with pytest.raises(InputError, match=r"encoder_norm/scale/m is expected.*re"):
    convert.convert(old, tmp_path / "out", "native", optimizer="carry")
  convert.convert(old, tmp_path / "out", "native")


def test_a_file_that_is_no_checkpoint_is_named(tmp_path):
  (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt"')
  with pytest.raises(InputError, match=r"is not a T5X checkpoint.*MessagePack"):
    formats.find(tmp_path).params()


@pytest.mark.parametrize("use_orbax", [False, True])
def test_t5x_restores_what_we_write(t5x_tiny, tmp_path, use_orbax):
  checkpoints = pytest.importorskip(
    "t5x.checkpoints", reason="T5X is not installed"
  )
  from t5x import partitioning

  convert.convert(t5x_tiny / "orbax", tmp_path / "a", "native",
                  optimizer="carry")  # fmt: skip
  convert.convert(tmp_path / "a", tmp_path / "b", "t5x", optimizer="carry")
  partitioner = partitioning.PjitPartitioner(num_partitions=1)
  with jax.numpy_rank_promotion("allow"):
    like = made.initializer(partitioner).global_train_state_shape
  kind, folder = (
    checkpoints.Checkpointer,
    {"checkpoints_dir": str(tmp_path / "b")},
  )
  if use_orbax:
    kind = checkpoints.OrbaxCheckpointManagerInterface
    folder = {"directory": str(tmp_path / "b")}
  checkpointer = kind(train_state=like, partitioner=partitioner, **folder)
  assert checkpointer.latest_step() == made.STEP
  restored = checkpointer.restore(
    path=str(tmp_path / "b" / f"checkpoint_{made.STEP}")
  )
  expected = made.filled(like.state_dict())
  jax.tree.map(np.testing.assert_array_equal, restored.state_dict(), expected)
