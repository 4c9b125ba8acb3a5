"""The project's settings over a data folder of the tests' own."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="kit-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("KIT_")]:
    del os.environ[_name]
os.environ["KIT_DATA_DIR"] = _folder
os.environ["KIT_SECRET_KEY"] = "tests-only-tests-only-tests-only-tests-only"

from pipeline.settings import *  # noqa: E402, F403
