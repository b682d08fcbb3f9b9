"""The documentation site: `make docs` builds it into `build/site`, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "tools"), str(HERE.parent)]

from pygments.lexers import TextLexer  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

from fsl_nlp import __version__  # noqa: E402

project = "fsl_nlp"
author = "The authors of fsl_nlp"
copyright = "the authors of fsl_nlp, Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "mathml"]
exclude_patterns = ["tools"]

myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]

smartquotes = False
default_role = "code"  # docstrings are Markdown: `this` is code
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
add_module_names = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "fsl_nlp"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#303f9f",
        "color-brand-content": "#303f9f",
    },
    "dark_css_variables": {
        "color-brand-primary": "#9fa8da",
        "color-brand-content": "#9fa8da",
    },
}


def setup(app: Sphinx) -> None:
    """Tables in examples have no colours."""
    app.add_lexer("csv", TextLexer)
