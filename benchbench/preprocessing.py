"""Preprocessing as data: how a decoded image becomes the model's input.

The geometric part (resize the shorter side, crop the centre) works on uint8 and agrees to the bit
with the evaluation transforms of torchvision and timm on PIL images. Normalisation is left to
``Backbone.prepare``, which runs on the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import numpy as np
    import torch

OPTIONS = ("size", "resize", "mean", "std", "interpolation")
"""Parameters of a backbone that are preprocessing and not the model's own."""

INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What is done to an image before the model sees it.

    ``size`` is ``native`` (no resampling), ``model`` or the side of a square crop. ``model_size``
    is the model's own input, (height, width). ``resize`` is the shorter side before the crop, or
    (height, width) to which the image is squashed. ``mean`` and ``std`` are for values in [0, 1].
    ``recipe`` names a preprocessing that is the backbone's own and takes no options. ``assumed``
    says where values come from that nobody declared for these weights.
    """

    size: str | int = "model"
    model_size: tuple[int, int] = (224, 224)
    resize: int | tuple[int, int] = 256
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    recipe: str | None = None
    assumed: str | None = None

    @classmethod
    def of(
        cls,
        declared: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
        default_size: str = "model",
    ) -> Preprocessing:
        """Resolve a backbone's ``preprocessing``, the user's options and the dataset's size.

        ``declared`` may hold ``size`` (the model's own, a number or a pair), ``resize``, ``mean``,
        ``std``, ``interpolation``, ``fixed`` (the model takes no other size), ``recipe`` and
        ``assumed``. ``options`` may hold ``OPTIONS``, as values or as command-line text, lists
        joined by ``+``. Raises ``UsageError`` for an unknown option or value.
        """
        options = dict(options or {})
        for name in options:
            if name not in OPTIONS:
                valid = ", ".join(OPTIONS)
                raise UsageError(
                    f"preprocessing option {name!r}: unknown; {nearest(name, OPTIONS)} "
                    f"valid are {valid}"
                )
        if declared.get("recipe"):
            return cls._of_recipe(declared, options)
        default = cls()
        model_size = _pair(declared.get("size", default.model_size), "the backbone's size")
        fixed = bool(declared.get("fixed", False))
        size = _size(options.get("size", "model" if fixed else default_size))
        crop = model_size if isinstance(size, str) else (size, size)
        if fixed and (size == "native" or crop != model_size):
            raise UsageError(
                f"size={size}: this backbone takes images of {model_size[0]}x{model_size[1]} "
                "pixels alone; use size=model"
            )
        resize = _resize(declared.get("resize", default.resize))
        if "resize" in options:
            resize = _resize(options["resize"])
        elif crop != model_size:
            # A smaller crop keeps the share of the image that the model was trained to see.
            if isinstance(resize, int):
                resize = math.floor(resize * crop[0] / model_size[0])
            else:
                resize = (
                    math.floor(resize[0] * crop[0] / model_size[0]),
                    math.floor(resize[1] * crop[1] / model_size[1]),
                )
        told = any(name in options for name in ("mean", "std", "interpolation", "resize"))
        return cls(
            size=size,
            model_size=model_size,
            resize=resize,
            mean=_triple(options.get("mean", declared.get("mean", default.mean)), "mean"),
            std=_triple(options.get("std", declared.get("std", default.std)), "std"),
            interpolation=_interpolation(
                options.get("interpolation", declared.get("interpolation", default.interpolation))
            ),
            assumed=None if told else declared.get("assumed"),
        )

    @classmethod
    def _of_recipe(cls, declared: Mapping[str, Any], options: Mapping[str, Any]) -> Preprocessing:
        recipe = str(declared["recipe"])
        wrong = sorted(name for name in options if (name, options[name]) != ("size", "native"))
        if wrong:
            raise UsageError(
                f"preprocessing option {wrong[0]!r}: this backbone has its own preprocessing "
                f"({recipe}) at native size; leave the option out"
            )
        own = _pair(declared.get("size", 128), "the backbone's size")
        identity = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        return cls(
            size="native", model_size=own, resize=min(own), mean=identity[0], std=identity[1],
            recipe=recipe,
        )  # fmt: skip

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings for the record."""
        if self.assumed is None:
            return ()
        return (
            f"preprocessing is not declared for these weights; taken from {self.assumed}. "
            "Give mean=, std= and interpolation= as in training.",
        )

    @property
    def crop(self) -> tuple[int, int] | None:
        """(height, width) of every prepared image; None at native size."""
        if self.size == "native":
            return None
        return self.model_size if isinstance(self.size, str) else (self.size, self.size)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) that an image of this size has after ``apply``."""
        return self.crop or (height, width)

    def to_json(self) -> dict[str, Any]:
        """The preprocessing as plain data, part of a cell's identity.

        At native size nothing is resampled, so that the fields of resampling are left out.
        """
        data = asdict(self)
        data.pop("assumed")
        if self.size == "native":
            for name in ("model_size", "resize", "interpolation"):
                data.pop(name)
        if self.recipe is None:
            data.pop("recipe")
        else:
            data = {"size": self.size, "recipe": self.recipe}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in data.items()}

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Resize and crop one image, uint8 ``[height, width, 3]`` to uint8 ``[h, w, 3]``."""
        import numpy as np

        if self.crop is None:
            return image
        from PIL import Image

        picture = Image.fromarray(image)
        target = _resized(picture.height, picture.width, self.resize)
        if target != (picture.height, picture.width):
            method = Image.Resampling[self.interpolation.upper()]
            picture = picture.resize((target[1], target[0]), method)
        return _centre_crop(np.asarray(picture), *self.crop)

    def tensors(
        self, dtype: torch.dtype, device: torch.device | str = "cpu"
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``mean`` and ``std`` as ``[1, 3, 1, 1]``, as ``Backbone.prepare`` takes them."""
        import torch

        shape = (1, 3, 1, 1)
        mean = torch.tensor(self.mean, dtype=dtype, device=device).reshape(shape)
        return mean, torch.tensor(self.std, dtype=dtype, device=device).reshape(shape)


def _resized(height: int, width: int, resize: int | tuple[int, int]) -> tuple[int, int]:
    if not isinstance(resize, int):
        return resize
    if height <= width:
        return resize, int(resize * width / height)
    return int(resize * height / width), resize


def _centre_crop(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The central part; black borders where the image is smaller, as torchvision has it."""
    import numpy as np

    rows, columns = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
    if rows or columns:
        border = ((rows // 2, (rows + 1) // 2), (columns // 2, (columns + 1) // 2), (0, 0))
        image = np.pad(image, border)
    top = round((image.shape[0] - height) / 2)
    left = round((image.shape[1] - width) / 2)
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _numbers(value: Any, name: str) -> tuple[float, ...]:
    try:
        if isinstance(value, str):
            value = value.split("+")
        if isinstance(value, (list, tuple)):
            return tuple(float(item) for item in value)
        return (float(value),)
    except (TypeError, ValueError):
        raise UsageError(
            f"{name}={value}: expected a number or numbers joined by '+', such as 0.5"
        ) from None


def _triple(value: Any, name: str) -> tuple[float, float, float]:
    numbers = _numbers(value, name)
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        raise UsageError(f"{name}={value}: expected one number or three, got {len(numbers)}")
    if not all(map(math.isfinite, numbers)) or (name == "std" and min(numbers) <= 0):
        expected = "positive numbers" if name == "std" else "finite numbers"
        raise UsageError(f"{name}={value}: expected {expected}")
    return numbers[0], numbers[1], numbers[2]


def _pair(value: Any, name: str) -> tuple[int, int]:
    numbers = _numbers(value, name)
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2 or any(n < 1 or n != int(n) for n in numbers):
        raise UsageError(f"{name}={value}: expected whole numbers of pixels, height and width")
    return int(numbers[0]), int(numbers[1])


def _resize(value: Any) -> int | tuple[int, int]:
    pair = _pair(value, "resize")
    return pair[0] if len(_numbers(value, "resize")) == 1 else pair


def _size(value: Any) -> str | int:
    if value in ("native", "model"):
        return str(value)
    try:
        pixels = int(value)
    except (TypeError, ValueError):
        pixels = 0
    if pixels < 1 or isinstance(value, bool) or str(pixels) != str(value):
        raise UsageError(f"size={value}: expected 'native', 'model' or a number of pixels")
    return pixels


def _interpolation(value: Any) -> str:
    name = str(value).lower()
    if name not in INTERPOLATIONS:
        raise UsageError(
            f"interpolation={value}: unknown; {nearest(name, INTERPOLATIONS)} "
            f"valid are {', '.join(INTERPOLATIONS)}"
        )
    return name
