"""Facts of a backbone against what the model itself says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from benchbench.describe import describe
from benchbench.errors import DataError
from benchbench.facts import BackboneFacts, Layer
from benchbench.fitting import recipe_digest, weights_digest
from benchbench.interfaces import Backbone


class Net(nn.Module):
    """Layers defined in another order than they run, one used twice, one never called."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.stem = nn.Conv2d(3, 4, 3, stride=2, bias=False)
        self.again = nn.ReLU()
        self.pair = Pair()
        self.unused = nn.Linear(2, 2)
        self.idle = nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.again(self.stem(x))
        x, _ = self.pair(self.again(x))
        return self.head(x.mean((2, 3)))


class Pair(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


class Toy(Backbone):
    name = "toy"
    gives = ("logits", "activations")
    preprocessing: Mapping[str, Any] = {"size": (9, 13), "mean": (0.5,)}
    fitted_on = ("photographs",)
    notes = ("a toy",)

    def build(self) -> nn.Module:
        torch.manual_seed(0)
        return Net().eval()


def test_layers_come_in_the_order_in_which_they_run() -> None:
    facts = describe(Toy())
    assert facts.layers == (
        Layer("stem", "Conv2d", (4, 3, 3, 3), None, (4, 4, 6), 4),
        Layer("again", "ReLU", None, None, (4, 4, 6), 4),
        Layer("pair", "Pair", None, None, None, None),
        Layer("head", "Linear", (3, 4), (3,), (3,), 3),
        Layer("unused", "Linear", (2, 2), (2,), None, None),
    )


def test_the_rest_of_the_facts() -> None:
    facts = describe(Toy())
    model = Toy().build()
    assert facts.gives == ("logits", "activations")
    assert {"pseudo-label", "uniform", "energy"} <= set(facts.losses)
    assert facts.outputs == {"logits": (3,)}
    assert facts.preprocessing == {"size": [9, 13], "mean": [0.5]}
    assert facts.weights == facts.weights_digest == weights_digest(model.state_dict())
    assert facts.parameters == 3 * 4 + 3 + 4 * 3 * 9 + 2 * 2 + 2
    assert (facts.fitted_on, facts.notes) == (("photographs",), ("a toy",))
    assert BackboneFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_describing_leaves_nothing_on_the_model() -> None:
    model = Toy().build()

    class Kept(Toy):
        def build(self) -> nn.Module:
            return model

        def forward(self, model: nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            assert inputs.shape == (2, 3, 9, 13)
            assert not torch.is_grad_enabled()
            if self.notes:
                return super().forward(model, inputs)
            raise RuntimeError("no forward")

    describe(Kept())
    broken = Kept()
    broken.notes = ()
    with pytest.raises(RuntimeError, match="no forward"):
        describe(broken)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_fitted_weights_are_identified_by_their_recipe() -> None:
    class Fitted(Toy):
        losses = ("reconstruction",)

        def recipe(self) -> Mapping[str, Any]:
            return {"recipe": "toy"}

    facts = describe(Fitted())
    assert facts.weights == f"recipe:{recipe_digest({'recipe': 'toy'})}"
    assert facts.weights_digest == describe(Toy()).weights
    assert facts.losses == ("reconstruction",)


def test_an_output_that_is_not_one_row_an_image_is_refused() -> None:
    class Wrong(Toy):
        def forward(self, model: nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": model(inputs).sum()}

    with pytest.raises(DataError, match=r"'toy': output 'logits'.*one row an image"):
        describe(Wrong())


@pytest.mark.parametrize(
    ("name", "width"), [("vit_tiny_patch16_224", 192), ("swin_tiny_patch4_window7_224", 96)]
)
def test_channels_of_transformers_are_their_embedding(name: str, width: int) -> None:
    from benchbench_plugins.timm_models import TimmModel

    facts = describe(TimmModel(name, pretrained=False))
    norm = next(layer for layer in facts.layers if layer.kind == "LayerNorm")
    assert (facts.layers[0].kind, facts.layers[0].channels) == ("Conv2d", width)
    assert norm.channels == width
