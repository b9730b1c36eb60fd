"""What is known of datasets and backbones without running them: plain data, kept in the store."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, field
from typing import Any

from benchbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What a plan has to know of a dataset.

    ``fingerprint`` covers ids, labels and file digests, ``images`` only ids, references and file
    digests: a changed label gives new cells, not new features. ``classes`` is one more than the
    largest label, None unless every image has a whole number from 0 for a label. ``conditions`` are
    the pairs ``distortion/level`` that there are, ``unequal`` names the first image whose size is
    not its reference's, ``smallest`` the first image with the shortest side, with its height and
    width.
    """

    n: int
    columns: tuple[str, ...]
    fingerprint: str
    images: str
    n_images: int
    groups: int = 0
    n_official: int | None = None
    score_kind: str | None = None
    higher_is_better: bool = True
    std_kind: str | None = None
    size: str = "native"
    notes: tuple[str, ...] = ()
    classes: int | None = None
    conditions: tuple[str, ...] = ()
    unequal: str | None = None
    smallest: tuple[str, int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DatasetFacts:
        """Raises ``KeyError`` or ``TypeError`` for facts that another version wrote."""
        own = {name: tuple(data[name]) for name in ("columns", "notes", "conditions")}
        smallest = data["smallest"] and tuple(data["smallest"])
        return cls(**{**data, **own, "classes": data["classes"], "unequal": data["unequal"],
                      "smallest": smallest})


@dataclass(frozen=True, slots=True)
class Layer:
    """One named module. Shapes leave out the batch; ``weight`` is None where there is none."""

    name: str
    kind: str
    weight: tuple[int, ...] | None = None
    bias: tuple[int, ...] | None = None
    output: tuple[int, ...] | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class BackboneFacts:
    """What a backbone gives: outputs, layers with shapes, per-image losses, preprocessing, weights.

    ``outputs`` maps each output's name to its shape for one image at the model's own size.
    ``weights`` identifies the weights: ``sha256:…`` of the tensors, or ``recipe:…`` of what is
    fitted here. ``fitted_on`` names the datasets whose images were seen in fitting. ``other_size``
    is True where a plan gives the model images of another size than its own, so that the shapes of
    maps are not those written here.
    """

    gives: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    losses: tuple[str, ...] = ()
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    weights: str = "none"
    weights_digest: str = "none"
    parameters: int = 0
    fitted_on: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    other_size: bool = False

    def layer(self, name: str) -> Layer:
        """The layer of that name; a wrong one is answered with the nearest."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        near = difflib.get_close_matches(name, [layer.name for layer in self.layers], 1, 0.3)
        hint = f"did you mean {near[0]!r}?" if near else "the backbone has no layers"
        raise UsageError(
            f"layer {name!r}: unknown; {hint} `benchbench list layers --backbone NAME` shows all"
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BackboneFacts:
        def shape(value: Any) -> Any:
            return None if value is None else tuple(value)

        layers = tuple(
            Layer(
                **{k: shape(v) if k in ("weight", "bias", "output") else v for k, v in item.items()}
            )
            for item in data["layers"]
        )
        outputs = {name: tuple(value) for name, value in data["outputs"].items()}
        tuples = {k: tuple(data[k]) for k in ("gives", "losses", "fitted_on", "notes")}
        return cls(**{**data, **tuples, "layers": layers, "outputs": outputs})
