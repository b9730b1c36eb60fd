"""Every distortion by name, with its five amounts. Plain data: nothing heavy is imported here.

KADID-10k's constants are those of its authors' generator (Lin, Hosu and Saupe, "KADID-10k: a
large-scale artificially distorted IQA database", 2019). Other implementations order the levels of
mean shift and contrast by size; then they do not fit the scores, which say that level 3 of the
mean shift is the unchanged image. ImageNet-C's are those of Hendrycks and Dietterich (ICLR 2019)
as the package ``imagecorruptions`` has them. The CURE-TSR-style challenges are made here; their
lengths are explained in ``cure_tsr.py``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchbench import UsageError, nearest

if TYPE_CHECKING:
    import numpy as np

    Function = Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]

LEVELS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Distortion:
    """One type. ``number`` is KADID-10k's, ``monotone`` says that a higher level is more visible.

    Types with ``bytes_in`` take uint8 and give values on 0 to 255 that are cut off, as ImageNet-C
    does; the others take and give floats on 0 to 1 that are rounded. ``material`` gives digests of
    files that the type needs, and says where they are missing.
    """

    name: str
    target: str
    amounts: tuple[Any, ...]
    summary: str
    number: int | None = None
    monotone: bool = True
    bytes_in: bool = False
    material: str | None = None

    def function(self) -> Function:
        """``(image, amount, rng) -> image``."""
        found: Function = _imported(self.target)
        return found

    def digests(self) -> list[str]:
        """SHA-256 of each file that the type needs; DataError where one is missing."""
        found: list[str] = _imported(self.material)() if self.material else []
        return found


def _imported(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(f"{__package__}.{module}"), name)


KADID = (
    Distortion("gaussian-blur", "blur:gaussian_blur", (0.1, 0.5, 1, 2, 5), "sigma in pixels", 1),
    Distortion("lens-blur", "blur:lens_blur", (1, 2, 4, 6, 8), "radius of a disk in pixels", 2),
    Distortion("motion-blur", "blur:motion_blur", (1, 2, 4, 6, 10), "length in pixels", 3),
    Distortion(
        "colour-diffusion", "colour:diffusion", (1, 3, 6, 8, 12), "Lab's a*, b* blurred, scaled", 4
    ),
    Distortion("colour-shift", "colour:shift", (1, 3, 6, 8, 12), "green moved, in pixels", 5),
    Distortion(
        "colour-quantization", "colour:palette", (64, 48, 32, 16, 8), "colours, with dither", 6
    ),
    Distortion(
        "saturation-hsv", "colour:saturation_hsv", (0.4, 0.2, 0.1, 0, -0.4), "factor of S", 7
    ),
    Distortion("saturation-lab", "colour:saturation_lab", (1, 2, 3, 6, 9), "factor of a*, b*", 8),
    Distortion("jpeg2000", "compression:jpeg2000", (16, 32, 45, 120, 400), "compression ratio", 9),
    Distortion("jpeg", "compression:jpeg", (43, 36, 24, 7, 4), "quality", 10),
    Distortion(
        "white-noise", "noise:white", (0.001, 0.002, 0.003, 0.005, 0.01), "variance in RGB", 11
    ),
    Distortion(
        "colour-noise", "noise:colour", (0.0001, 0.0005, 0.001, 0.002, 0.003), "same, YCbCr", 12
    ),
    Distortion(
        "impulse-noise", "noise:impulse", (0.001, 0.005, 0.01, 0.02, 0.03), "share of samples", 13
    ),
    Distortion(
        "multiplicative-noise",
        "noise:multiplicative",
        (0.001, 0.005, 0.01, 0.02, 0.05),
        "variance of the factor",
        14,
    ),
    Distortion(
        "denoise",
        "noise:denoise",
        (0.01, 0.03, 0.05, 0.1, 0.15),
        "white noise of that variance, then an adaptive filter",
        15,
    ),
    Distortion("brighten", "brightness:brighten", (0.1, 0.2, 0.4, 0.7, 1.1), "curve", 16),
    Distortion("darken", "brightness:darken", (0.05, 0.1, 0.2, 0.4, 0.8), "curve", 17),
    Distortion(
        "mean-shift", "brightness:mean_shift", (0.15, 0.08, 0, -0.08, -0.15), "added", 18, False
    ),
    Distortion("jitter", "spatial:jitter", (0.05, 0.1, 0.2, 0.5, 1), "displacement in pixels", 19),
    Distortion(
        "eccentricity-patch", "spatial:patches", (20, 40, 60, 80, 100), "patches moved", 20
    ),
    Distortion("pixelate", "spatial:pixelate", (0.01, 0.05, 0.1, 0.2, 0.5), "strength", 21),
    Distortion("quantization", "brightness:quantization", (20, 16, 13, 10, 7), "grey levels", 22),
    Distortion("colour-block", "spatial:colour_block", (2, 4, 6, 8, 10), "blocks", 23),
    Distortion("sharpen", "blur:sharpen", (1, 2, 3, 6, 12), "amount of unsharp masking", 24),
    Distortion(
        "contrast", "brightness:contrast", (0.3, 0.15, 0, -0.4, -0.6), "curve", 25, False
    ),
)


def _c(
    name: str, target: str, amounts: tuple[Any, ...], summary: str, monotone: bool = True
) -> Distortion:
    name = f"imagenet-c-{name}"
    return Distortion(name, target, amounts, summary, monotone=monotone, bytes_in=True)


IMAGENET_C = (
    _c("gaussian-noise", "imagenet_c:gaussian_noise", (0.08, 0.12, 0.18, 0.26, 0.38), "sigma"),
    _c("shot-noise", "imagenet_c:shot_noise", (60, 25, 12, 5, 3), "photons"),
    _c("impulse-noise", "imagenet_c:impulse_noise", (0.03, 0.06, 0.09, 0.17, 0.27), "share"),
    _c("speckle-noise", "imagenet_c:speckle_noise", (0.15, 0.2, 0.35, 0.45, 0.6), "sigma"),
    _c("contrast", "imagenet_c:contrast", (0.4, 0.3, 0.2, 0.1, 0.05), "factor"),
    _c("brightness", "imagenet_c:brightness", (0.1, 0.2, 0.3, 0.4, 0.5), "added to V"),
    _c(
        "saturate",
        "imagenet_c:saturate",
        ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
        "S scaled, shifted",
        monotone=False,
    ),
    _c("jpeg", "imagenet_c:jpeg", (25, 18, 15, 10, 7), "quality"),
    _c("pixelate", "imagenet_c:pixelate", (0.6, 0.5, 0.4, 0.3, 0.25), "scale"),
    _c("elastic", "imagenet_c:elastic", (12.5, 16.25, 21.25, 25, 30), "strength"),
    _c("gaussian-blur", "imagenet_c_scene:gaussian_blur", (1, 2, 3, 4, 6), "sigma in pixels"),
    _c(
        "defocus-blur",
        "imagenet_c_scene:defocus_blur",
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        "radius and softness in pixels",
    ),
    _c(
        "glass-blur",
        "imagenet_c_scene:glass_blur",
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        "sigma, reach, passes",
        monotone=False,
    ),
    _c(
        "motion-blur",
        "imagenet_c_scene:motion_blur",
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        "radius and sigma in pixels",
    ),
    _c(
        "zoom-blur",
        "imagenet_c_scene:zoom_blur",
        ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        "largest factor, step",
    ),
    _c(
        "fog",
        "imagenet_c_scene:fog",
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        "density, roughness",
    ),
    Distortion(
        "imagenet-c-frost",
        "frost:frost",
        ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
        "shares of image and frost",
        monotone=False,
        bytes_in=True,
        material="frost:digests",
    ),
    _c(
        "snow",
        "imagenet_c_scene:snow",
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        "flakes and whitening",
        monotone=False,
    ),
    _c(
        "spatter",
        "imagenet_c_spatter:spatter",
        (
            (0.65, 0.3, 4, 0.69, 0.6, 0),
            (0.65, 0.3, 3, 0.68, 0.6, 0),
            (0.65, 0.3, 2, 0.68, 0.5, 0),
            (0.65, 0.3, 1, 0.65, 1.5, 1),
            (0.67, 0.4, 1, 0.65, 1.5, 1),
        ),
        "drops of water, then mud",
        monotone=False,
    ),
)


def _t(name: str, function: str, amounts: tuple[float, ...], summary: str) -> Distortion:
    return Distortion(f"cure-tsr-{name}", f"cure_tsr:{function}", amounts, summary)


CURE_TSR = (
    _t("decolorization", "decolorization", (0.2, 0.4, 0.6, 0.8, 1), "share of colour lost"),
    _t("lens-blur", "lens_blur", (0.8, 1.3, 1.8, 2.5, 3.4), "radius, for 32 pixels"),
    _t("codec-error", "codec_error", (0.08, 0.16, 0.26, 0.4, 0.6), "share of blocks"),
    _t("darkening", "exposure", (0.7, 0.5, 0.35, 0.24, 0.15), "factor"),
    _t("dirty-lens", "dirty_lens", (0.4, 0.55, 0.7, 0.8, 0.92), "what dust hides"),
    _t("exposure", "exposure", (1.4, 1.8, 2.4, 3.2, 4.5), "factor"),
    _t("gaussian-blur", "gaussian_blur", (0.7, 1, 1.4, 1.9, 2.6), "sigma, for 32 pixels"),
    _t("noise", "noise", (0.04, 0.08, 0.12, 0.18, 0.25), "sigma"),
    _t("rain", "rain", (0.6, 1.2, 2, 3, 4.5), "hundreds of streaks"),
    _t("shadow", "shadow", (0.3, 0.45, 0.6, 0.75, 0.9), "share of light lost"),
    _t("snow", "snow", (0.5, 1, 1.6, 2.4, 3.5), "hundreds of flakes"),
    _t("haze", "haze", (0.25, 0.4, 0.55, 0.7, 0.85), "share of the air's light"),
)
CATALOGUE = {each.name: each for each in (*KADID, *IMAGENET_C, *CURE_TSR)}


def find(name: str) -> Distortion:
    """The distortion of that name; a wrong one is answered with the nearest."""
    if name not in CATALOGUE:
        hint = nearest(name, CATALOGUE) or f"there are {', '.join(CATALOGUE)}"
        raise UsageError(f"distortion {name!r}: unknown; {hint}")
    return CATALOGUE[name]
