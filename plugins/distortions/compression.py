"""Compression artefacts, by Pillow's own encoders."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image


def jpeg(image: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    """Baseline JPEG at that quality, other settings Pillow's."""
    return _through(image, format="JPEG", quality=int(quality))


def jpeg2000(image: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG 2000 with the 9-7 wavelet at that compression ratio."""
    resolutions = min(6, min(image.shape[:2]).bit_length())
    return _through(
        image,
        format="JPEG2000",
        quality_mode="rates",
        quality_layers=[ratio],
        irreversible=True,
        num_resolutions=resolutions,
    )


def _through(image: np.ndarray, **how: Any) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)).save(buffer, **how)
    with Image.open(buffer) as decoded:
        return np.asarray(decoded.convert("RGB"), np.float32) / 255
