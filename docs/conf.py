"""Sphinx configuration."""

import gc
import tomllib
from pathlib import Path

from astroid.brain import brain_numpy_ndarray
from pygments.lexers import TextLexer

# Reading the sources took half of its time to parse, at every mention of `np.ndarray`, a picture of
# that class, and a third to look for garbage in trees that are kept.
brain_numpy_ndarray.register = lambda manager: None
gc.set_threshold(200_000, 50, 1000)

ROOT = Path(__file__).resolve().parent.parent
_project = tomllib.loads((ROOT / "pyproject.toml").read_text())

project = "QuASIM"
author = "QuASIM contributors"
copyright = "QuASIM contributors"
version = release = _project["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.napoleon", "autoapi.extension"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# The reference is read from the sources, without importing them.
autoapi_dirs = [str(ROOT / p) for p in _project["tool"]["scikit-build"]["wheel"]["packages"]]
autoapi_root = "reference"
autoapi_member_order = "bysource"
autoapi_options = ["members", "undoc-members", "show-inheritance", "show-module-summary"]
autoapi_python_class_content = "class"

# `name` in a docstring links to what it names, where it names something.
default_role = "py:obj"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # `Attributes:` beside the members themselves would define each twice
suppress_warnings = [
    "ref.python",  # one short name may mean several objects
    "autoapi.python_import_resolution",
]

html_theme = "furo"
html_title = f"QuASIM {release}"
exclude_patterns = ["_build"]


def setup(app):
    app.add_lexer("qasm", TextLexer)  # Pygments has no lexer for OpenQASM
