"""Processes beside the server, in which it learns: its answers do not wait for them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

# Nothing is imported from the current folder, as in a console script.
_MAIN = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n'); "
    "from fsl_nlp.serving.processes import stand_back; stand_back(); "
    "from fsl_nlp.lazy import load_object; load_object(sys.argv[2])(*sys.argv[3:])"
)
# The server answers with the other processors.
_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}
_NICE = 5


def start(function: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Call a function, "package.module:name", with texts in a process of its own.

    This process holds its standard input, which ends with it. `options` are those of `Popen`.
    """
    path = "\n".join(entry for entry in sys.path if entry)
    if sys.platform == "win32":
        options["creationflags"] = (
            subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        )
    else:  # Ctrl-C in the terminal of the server is for the server, which ends its processes
        options["start_new_session"] = True
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, path, function, *arguments],
        stdin=subprocess.PIPE,
        env={**os.environ, **_ENVIRONMENT},
        **options,
    )


def stand_back() -> None:
    """Leave the processors to the server, as far as it wants them."""
    if sys.platform != "win32":
        os.nice(_NICE)
        # Linux may share the processors between sessions first, and then by niceness within each.
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(_NICE))
