"""Settings of the documentation, which `make docs` builds with Sphinx."""

import os
import pathlib
import sys

from pygments.lexers.special import TextLexer

_HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(_HERE.parent), str(_HERE)]
# The API reference imports every module, on the CPU and without chatter.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from instructrec_jax import __version__  # noqa: E402

project = "InstructRec-JAX"
author = "InstructRec-JAX authors"
project_copyright = author
release = version = __version__

extensions = [
  "sphinx.ext.autodoc",
  "plain_docstrings",  # Beside this file.
  "sphinx.ext.napoleon",
  "sphinx.ext.viewcode",
  "myst_nb",
  "generated_pages",  # Beside this file.
]
exclude_patterns = ["_build"]
# A field's name, such as `items`, is no reference to everything of that name.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Notebooks show the output that they were saved with.
nb_execution_mode = "off"

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "sphinx_book_theme"
html_title = project
html_copy_source = False
html_theme_options = {"show_toc_level": 2, "use_download_button": False}


def setup(app):
  """Shows blocks of CSV, which Pygments has no lexer for, as plain text."""
  app.add_lexer("csv", TextLexer)
