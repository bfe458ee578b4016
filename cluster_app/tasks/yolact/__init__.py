"""YOLACT without a deep-learning framework: what comes before and after its network."""

from cluster_app.tasks.yolact.adapter import YolactTask
from cluster_app.tasks.yolact.config import YolactConfig

__all__ = ["YolactConfig", "YolactTask"]
