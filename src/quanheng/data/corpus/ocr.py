"""Text recognised in pictures of pages, by PP-OCRv6 (small) through RapidOCR and onnxruntime; extra `[ocr]`.

The models lie in RapidOCR's own package, so nothing is fetched. One thread a process: units fan out over processes.
Upright lines, lines of vertical text and pages that lie on a side are read by the same models; a page that stands on
its head is noticed by its low confidence and read again the other way up.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from quanheng.data.corpus.ocr_layout import Line, text_of
from quanheng.errors import Unavailable
from quanheng.store import sha256_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A change of what is made of a picture (order of lines, floors, sizes) is a new version.
VERSION = 1
ENGINE, RUNTIME = "rapidocr", "onnxruntime"
_MODELS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
#: Lines less sure than this are left out: of text that is hardly legible they are guesses.
LINE_FLOOR = 0.5
#: Pages less sure than this are read again upside down: 0.58 to 0.61 was seen on those, 0.98 or more on upright ones.
_TURN_BELOW = 0.8
#: Longer sides are made smaller before lines are looked for; an A4 page at 200 dpi has 2,339.
LONGEST_SIDE = 2400
_CHANNELS = 3


class Recognised(NamedTuple):
    """The text of a picture, its lines in reading order, and the mean confidence of its characters, 0 to 1.

    No characters have confidence 0.
    """

    text: str
    confidence: float


@cache
def identity() -> str:
    """Return engine, runtime and models with their digests, as cache keys name them; "none" where not installed."""
    try:
        said = [f"{name} {version(name)}" for name in (ENGINE, RUNTIME)]
    except PackageNotFoundError:
        return "none"
    models = [
        f"{path.name} {sha256_digest(path.read_bytes())[7:23] if path.is_file() else 'missing'}"
        for path in _model_paths().values()
    ]
    return "; ".join([f"ocr {VERSION}", *said, *models])


def _model_paths() -> dict[str, Path]:
    """Return where the models lie in the installed package, which is not imported: that takes half a second."""
    spec = find_spec(ENGINE)
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path()
    return {task: folder / name for task, name in _MODELS.items()}


class Recogniser:
    """Reads pictures. Loads its models when made, in about a second; then 2 to 6 CPU-seconds for a page of A4."""

    def __init__(self) -> None:
        rapid = _rapidocr()
        paths = _model_paths()
        for path in paths.values():
            if not path.is_file():
                raise Unavailable(
                    f"the installed rapidocr has no model {path.name}",
                    f"已安装的 rapidocr 不含模型 {path.name}",
                    hint=("Install the version in constraints.txt.", "请安装 constraints.txt 中的版本。"),
                    code="ocr_model_missing",
                )
        params: dict[str, Any] = {
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.use_cls": False,
            "Global.text_score": 0.0,
            "Global.max_side_len": LONGEST_SIDE,
            "Global.log_level": "critical",
            # With a path nothing looks for a download.
            "Det.model_path": str(paths["Det"]),
            "Rec.model_path": str(paths["Rec"]),
        }
        self._engine = rapid(params=params)
        # The engine keeps state between its steps.
        self._lock = threading.Lock()

    def read(self, picture: NDArray[np.uint8]) -> Recognised:
        """Return what is written in a picture: (height, width) grey, or (height, width, 3) blue-green-red."""
        if picture.ndim != _CHANNELS:
            picture = np.repeat(picture[:, :, None], _CHANNELS, axis=2)
        found = self._read(picture)
        # A picture without writing has no lines either way up.
        if found is None:
            return Recognised("", 0.0)
        if found.confidence < _TURN_BELOW:
            turned = self._read(np.ascontiguousarray(picture[::-1, ::-1]))
            if turned is not None and turned.confidence > found.confidence:
                return turned
        return found

    def _read(self, picture: NDArray[np.uint8]) -> Recognised | None:
        """Return what is written this way up, None where no line was found."""
        with self._lock:
            result = self._engine(picture)
        if not result.txts:
            return None
        lines = [
            Line(np.asarray(box, np.float64), text.strip(), float(score))
            for box, text, score in zip(result.boxes, result.txts, result.scores, strict=True)
            if text.strip()
        ]
        characters = sum(len(line.text) for line in lines)
        if not characters:
            return None
        confidence = sum(len(line.text) * line.confidence for line in lines) / characters
        return Recognised(text_of([line for line in lines if line.confidence >= LINE_FLOOR]), confidence)


def _rapidocr() -> Any:
    try:
        import onnxruntime  # noqa: F401 - rapidocr does not ask for it itself
        from rapidocr import RapidOCR
    except ImportError as error:
        raise Unavailable(
            "pages that are pictures cannot be read: text recognition (OCR) is not installed",
            "无法识别图像页面中的文字：未安装文字识别（OCR）组件",
            hint=(
                "Install it: pip install 'quanheng[ocr]'; or register the source with ocr = never.",
                "请安装：pip install 'quanheng[ocr]'；或登记来源时将 ocr 设为 never。",
            ),
            code="missing_extra",
        ) from error
    return RapidOCR


@cache
def recogniser() -> Recogniser:
    """Return the process' one recogniser. Raises Unavailable "missing_extra" where the extra is not installed."""
    return Recogniser()
