"""What the purchases of a simulated domain are drawn with."""

import numpy as np


class Planted:
  """Sums up what purchases in a domain are drawn with."""

  def __init__(self, num_users: int, num_items: int):
    """Starts with no purchase."""
    # Of a user's last purchase and the one before; own, present and told.
    self._newest = np.zeros((2, 3, num_users, num_items))
    self._earlier = np.zeros((3, num_items))

  def add(
    self,
    users: np.ndarray,
    own: np.ndarray,
    present: np.ndarray,
    satisfied: np.ndarray,
  ) -> None:
    """Adds a purchase of each user, by probabilities [users, items].

    Args:
      users: the buyers.
      own: of items for oneself.
      present: of items as presents.
      satisfied: that an item for oneself pleases.
    """
    self._earlier += self._newest[1][:, users].sum(axis=1)
    self._newest[1][:, users] = self._newest[0][:, users]
    self._newest[0][:, users] = own, present, own * satisfied

  def arrays(self, theme: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the arrays of optimum.npz, given the theme of each item.

    `simulate.write` says what they are.
    """
    own, present, _ = self._newest[0].astype(np.float32)
    _, present_told, own_told = self._earlier.astype(np.float32)
    return {
      "theme": theme,
      "own": own,
      "present": present,
      "own_told": own_told,
      "present_told": present_told,
    }
