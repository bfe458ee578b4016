"""Where the project keeps things on this host: everything below .clusterbed is made by it and may be deleted."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".clusterbed"
CLUSTERS = STATE / "clusters"
LOGS = STATE / "logs"
ARTEFACTS = STATE / "artefacts"
MODELS = ARTEFACTS / "models"
ENVIRONMENT = ARTEFACTS / "environment.tar.gz"
RESULTS = ROOT / "results"
DOCKER = ROOT / "docker"
