"""The embedded world's board games with reviews, and quick retries."""

import pytest

from instructrec_jax.data import normalize, simulate
from tests.teacher.asked.chat_server import KEY


@pytest.fixture(scope="session")
def shop_dir(tmp_path_factory):
  """A data folder: `shop` has reviews, labels, brands and prices."""
  folder = tmp_path_factory.mktemp("shop")
  simulate.write(folder / "raw", num_users=40, num_items=60)
  normalize.normalize(
    "table",
    folder / "raw" / "board_games",
    folder,
    "shop",
    k_core=3,
    **simulate.COLUMNS,
  )
  return folder


@pytest.fixture
def quick(monkeypatch):
  """Retries without long waits, a key, and no proxy in between."""
  monkeypatch.setattr(
    "instructrec_jax.teacher.asked.client._FIRST_WAIT_S", 0.01
  )
  monkeypatch.setenv("OPENAI_API_KEY", KEY)
  monkeypatch.setenv("NO_PROXY", "127.0.0.1")
