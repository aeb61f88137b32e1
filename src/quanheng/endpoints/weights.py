"""The file of a local endpoint's weights."""

from __future__ import annotations

from pathlib import Path

from quanheng.endpoints.demo import assemble, demo_model
from quanheng.errors import Conflict
from quanheng.kinds.models import Endpoint
from quanheng.store.objects import LocalObjects


def models_folder(workspace: str | Path) -> Path:
    """Return the folder of a workspace for model files that are borrowed from packages."""
    return Path(workspace) / "models"


def weights_file(endpoint: Endpoint, objects: LocalObjects, workspace: str | Path) -> Path:
    """Return the file of a local endpoint's weights; the demonstration model is put together when it is not there.

    Conflict "no_weights" where the weights are not in the workspace.
    """
    assert endpoint.weights is not None  # noqa: S101 - a local endpoint has weights
    if endpoint.weights == demo_model().weights:
        return assemble(models_folder(workspace))
    if not objects.exists(endpoint.weights.digest):
        raise Conflict(
            "the weights of this endpoint are not in the workspace",
            "工作区中没有该端点的模型权重",
            hint=(
                "Register the model file: quanheng model register --file FILE",
                "请登记模型文件：quanheng model register --file FILE",
            ),
            code="no_weights",
        )
    return objects.path(endpoint.weights.digest)
