"""Property tests need hypothesis, which only the builder's image has; `make test` runs this folder there too."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("hypothesis") else ["*_properties.py"]
