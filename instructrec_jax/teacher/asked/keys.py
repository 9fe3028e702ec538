"""The keys of servers: where they are read, sent to, and never shown."""

import ipaddress
import os
import re
import urllib.parse

import httpx2

from instructrec_jax.errors import InputError

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# A name in capitals is no key; any other may be one that was given by mistake.
_SHOWN_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
# A part of a path that looks like a key.
_LIKE_A_KEY = re.compile(
  r"(?i)^(?:sk|pk|rk|gsk|hf|xai|key|token|bearer)[-_]\S{6,}$"
  r"|^(?=.*\d)(?=.*[a-z])[\w=-]{24,}$"
)
# So many letters and digits of a key in a row give it away.
_PIECE = 8
_MASK = "***"


def check_name(variable: str | None) -> None:
  """Raises InputError unless it can be the name of an environment variable."""
  if variable is not None and not _NAME.fullmatch(variable):
    # What was given is not shown because it may be the key itself.
    raise InputError(
      "--key_variable: expected the name of the environment variable that "
      "holds the key (letters, digits and _, such as OPENAI_API_KEY), or none. "
      "What was given is no name, and is not shown because it may be a key"
    )


def check_address(base_url: str, sends_key: bool, allow_http: bool) -> str:
  """Returns an address that can be used, and that gives no secret away.

  Args:
    base_url: the address before `/chat/completions`.
    sends_key: whether a key is sent with each request.
    allow_http: whether the key may be sent without encryption.

  Raises:
    InputError: it is no address, it contains a secret, or a key would be sent
      in the clear beyond this machine.
  """
  try:
    url = urllib.parse.urlsplit(base_url)
    host, port = url.hostname or "", url.port
    httpx2.URL(base_url)
  except (ValueError, httpx2.InvalidURL):
    host, port, url = "", None, urllib.parse.urlsplit("")
  if url.scheme not in ("http", "https") or not host or port == 0:
    raise InputError(
      f"--base_url {shown(base_url, None)!r}: expected an address such as "
      "https://api.openai.com/v1 or http://localhost:8000/v1, with a port from "
      "1 to 65535 if it names one"
    )
  if url.username or url.password or url.query or url.fragment:
    # The address is not shown because it may contain a key.
    raise InputError(
      f"--base_url of {host}: expected no user name, password, ? or #. "
      "Put the key in an environment variable, see --key_variable"
    )
  if url.scheme == "http" and sends_key and not allow_http and not _here(host):
    raise InputError(
      f"--base_url of {host}: the key would be sent over http, where others "
      "can read it, so nothing was sent. Use https, give --key_variable=none "
      "for a server that needs no key, or --allow_http if you trust the network"
    )
  return base_url.rstrip("/")


def _here(host: str) -> bool:
  """Returns whether a host is this machine."""
  if host == "localhost" or host.endswith(".localhost"):
    return True
  try:
    return ipaddress.ip_address(host).is_loopback
  except ValueError:
    return False


def read(variable: str | None, url: str) -> str | None:
  """Returns the key, or None if the server needs none.

  Args:
    variable: the environment variable that holds it; None for none.
    url: the server's address, for the message.

  Raises:
    InputError: there is no key, or it cannot be one.
  """
  if variable is None:
    return None
  key = os.environ.get(variable, "").strip()
  if not key:
    name = variable if _SHOWN_NAME.fullmatch(variable) else "such variable"
    raise InputError(
      f"the environment has no {name}. Set it to the key of "
      f"{shown(url, None)}, name another variable with --key_variable, or give "
      "--key_variable=none for a server that needs no key"
    )
  if not (key.isascii() and key.isprintable()):
    raise InputError(
      f"{variable} does not hold a key; its characters are not "
      "allowed in an HTTP header"
    )
  return key


def shown(url: str, key: str | None) -> str:
  """Returns an address without the parts of its path that may be keys."""
  parts = url.split("/")
  return masked(
    "/".join(
      _MASK if n > 2 and _LIKE_A_KEY.match(part) else part
      for n, part in enumerate(parts)
    ),
    key,
  )


def masked(text: str, key: str | None) -> str:
  """Returns a text on one line, without the key.

  The key is found in any letter case, and split by other characters than
  letters and digits. A piece of it that has _PIECE letters or digits or more is
  found too.
  """
  text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
  secret = _letters(key or "")
  if not secret:
    return text
  places = [n for n, c in enumerate(text) if c.isascii() and c.isalnum()]
  written = "".join(text[n].lower() for n in places)
  size = min(_PIECE, len(secret))
  pieces = {secret[n : n + size] for n in range(len(secret) - size + 1)}
  hidden = set()
  for n in range(len(written) - size + 1):
    if written[n : n + size] in pieces:
      hidden.update(range(places[n], places[n + size - 1] + 1))
  return re.sub(
    "\0+",
    _MASK,
    "".join("\0" if n in hidden else c for n, c in enumerate(text)),
  )


def _letters(text: str) -> str:
  return "".join(c.lower() for c in text if c.isascii() and c.isalnum())
