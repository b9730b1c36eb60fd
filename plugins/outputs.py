"""Extractors ``logits``, ``latent`` and ``loss``: what the backbone itself puts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from benchbench import (
    BackboneFacts,
    Extractor,
    Images,
    Model,
    Output,
    Probe,
    UsageError,
    hookimpl,
)

if TYPE_CHECKING:
    import torch


class Logits(Extractor):
    """The logits, or one number made of them.

    ``raw`` ``[classes]``; the others are scores, higher where the network is surer: ``msp`` the
    largest softmax probability (Hendrycks and Gimpel 2017), ``max`` the largest logit, ``energy``
    the log-sum-exp (Liu et al. 2020).
    """

    name = "logits"
    version = "1"
    summary = "a classifier's logits, their maximum, softmax maximum or energy"
    higher_is_better = True

    def __init__(self, *, what: Literal["raw", "msp", "max", "energy"] = "raw") -> None:
        self.what = what
        self.gives = "vector" if what == "raw" else "score"

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        if "logits" not in facts.outputs:
            raise UsageError(_missing("logits", facts))
        return [Output("logits")]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return facts.outputs["logits"] if self.what == "raw" else ()

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        logits: torch.Tensor = signals[Output("logits")]
        if self.what == "msp":
            return logits.softmax(1).amax(1)
        if self.what == "max":
            return logits.amax(1)
        return logits.logsumexp(1) if self.what == "energy" else logits


class Latent(Extractor):
    """The code of an autoencoder.

    ``mean``: the code, of a VAE the mean of its distribution; ``logvar``: the logarithm of its
    variance; ``sample``: one draw, from noise that ``seed`` and the image decide.
    """

    name = "latent"
    version = "1"
    summary = "an autoencoder's code; of a VAE its mean, log-variance or a sample"

    def __init__(
        self, *, what: Literal["mean", "sample", "logvar"] = "mean", seed: int = 0
    ) -> None:
        self.what, self.seed = what, seed

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        needed = self._needed(facts)
        if "latent" not in facts.outputs and "mean" not in facts.outputs:
            raise UsageError(_missing("latent", facts))
        missing = [name for name in needed if name not in facts.outputs]
        if missing:
            raise UsageError(
                f"latent[what={self.what}]: the backbone gives no {missing[0]}, it is not "
                "variational; take what=mean"
            )
        self.asked = needed[0]
        probes: list[Probe] = [Output(name) for name in needed]
        return [*probes, Images()] if self.what == "sample" else probes

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        name = self._needed(facts)[0]
        shape = facts.outputs[name]
        if len(shape) > 1 and facts.other_size:
            raise UsageError(
                f"latent[what={self.what}]: {name} grows with the image; take activation, which "
                "pools it, or the backbone's size=model"
            )
        return shape

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        if self.what != "sample":
            rows: torch.Tensor = signals[Output(self.asked)]
            return rows
        mean, logvar = signals[Output("mean")], signals[Output("logvar")]
        noise = [_noise(image, mean.shape[1:], self.seed) for image in signals[Images()]]
        return mean + (logvar / 2).exp() * torch.stack(noise).to(mean)

    def _needed(self, facts: BackboneFacts) -> tuple[str, ...]:
        if self.what == "sample":
            return ("mean", "logvar")
        if self.what == "logvar":
            return ("logvar",)
        return ("mean",) if "mean" in facts.outputs else ("latent",)


class Loss(Extractor):
    """One of the backbone's own losses, image by image, as a score: lower for what it knows.

    ``reconstruction``: the error; ``elbo``: the negative evidence lower bound, so that minus it
    stands for the log-likelihood, with the reconstruction that the backbone makes; ``kl``: the
    code's divergence from the prior; ``entropy`` of a classifier's probabilities.
    """

    name = "loss"
    version = "1"
    summary = "a per-image loss as a score: reconstruction error, likelihood (elbo), entropy"
    gives = "score"
    higher_is_better = False

    def __init__(
        self, *, what: Literal["reconstruction", "elbo", "kl", "entropy"] = "reconstruction"
    ) -> None:
        self.what = what

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        if self.what not in facts.losses:
            own = [name for name in ("reconstruction", "elbo", "kl", "entropy")
                   if name in facts.losses]  # fmt: skip
            hint = f"take what={own[0]}" if own else "take logits or activation"
            raise UsageError(f"loss[what={self.what}]: the backbone has no such loss; {hint}")
        self.outputs = list(facts.outputs)
        return [Model(), *map(Output, self.outputs)]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return ()

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        live = signals[Model()]
        outputs = {name: signals[Output(name)] for name in self.outputs}
        rows: torch.Tensor = live.backbone.loss(self.what, outputs, live.inputs, None)
        return rows


def _noise(image: torch.Tensor, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    import hashlib

    import torch

    content = image.detach().float().cpu().contiguous().numpy().tobytes()
    digest = hashlib.sha256(seed.to_bytes(8, "little", signed=True) + content).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
    return torch.randn(shape, generator=generator)


def _missing(name: str, facts: BackboneFacts) -> str:
    others = [other for other in facts.outputs if other in ("logits", "latent")]
    instead = f"{others[0]} or activation" if others else "activation"
    return f"{name}: the backbone gives {', '.join(facts.outputs) or 'nothing'}; take {instead}"


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [Logits, Latent, Loss]
