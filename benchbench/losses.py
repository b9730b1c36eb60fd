"""Per-image losses by name. Each is a function of one image's outputs alone, ``[images]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from benchbench.errors import UsageError, nearest

Outputs = Mapping[str, Tensor]
ReconstructionError = Literal["mse", "bce"]


def pseudo_label(outputs: Outputs) -> Tensor:
    """Cross-entropy to the network's own top class."""
    logits = _get(outputs, "logits")
    return F.cross_entropy(logits, logits.detach().argmax(1), reduction="none")


def uniform(outputs: Outputs) -> Tensor:
    """Cross-entropy to the uniform distribution, as in GradNorm (Huang, Geng and Li 2021)."""
    return -_get(outputs, "logits").log_softmax(1).mean(1)


def energy(outputs: Outputs) -> Tensor:
    """Log-sum-exp of the logits, the negative free energy (Liu et al. 2020)."""
    return _get(outputs, "logits").logsumexp(1)


def entropy(outputs: Outputs) -> Tensor:
    """Entropy of the predicted distribution, in nats."""
    log_p = _get(outputs, "logits").log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


def confounding(outputs: Outputs) -> Tensor:
    """Binary cross-entropy to the all-ones label, averaged over classes (Lee and AlRegib 2020)."""
    return F.softplus(-_get(outputs, "logits")).mean(1)


def label(outputs: Outputs, labels: Tensor | None) -> Tensor:
    """Cross-entropy to the image's label."""
    if labels is None:
        raise UsageError("loss 'label': the dataset has no labels; take 'pseudo-label'")
    logits = _get(outputs, "logits")
    if int(labels.max()) >= logits.shape[1]:  # on a GPU, cross_entropy would end the process
        raise UsageError(
            f"loss 'label': label {int(labels.max())} is none of the {logits.shape[1]} classes; "
            "take 'pseudo-label'"
        )
    return F.cross_entropy(logits, labels.to(logits.device).long(), reduction="none")


def reconstruction(
    outputs: Outputs,
    inputs: Tensor,
    error: ReconstructionError = "mse",
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Reconstruction error over all elements of an image, its pixels in all channels.

    ``mse``: squared difference; ``bce``: binary cross-entropy of values in 0…1. The target is
    ``outputs["target"]`` where a backbone gives one, else the model's input.
    """
    found = _get(outputs, "reconstruction")
    target = outputs.get("target", inputs)
    if found.shape != target.shape:
        raise UsageError(
            f"loss 'reconstruction': the reconstruction has shape {tuple(found.shape)}, its target "
            f"{tuple(target.shape)}; return the target from forward() as 'target'"
        )
    if error == "bce":
        each = F.binary_cross_entropy(found, target, reduction="none")
    else:
        each = (found - target).square()
    each = each.flatten(1)
    return each.mean(1) if reduction == "mean" else each.sum(1)


def kl(outputs: Outputs) -> Tensor:
    """Divergence of the latent N(mean, exp(logvar)) from N(0, 1), summed over its dimensions:
    -½ Σ (1 + logvar - mean² - exp(logvar)) (Kingma and Welling 2014)."""
    mean, logvar = _get(outputs, "mean").flatten(1), _get(outputs, "logvar").flatten(1)
    return -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1)


def elbo(outputs: Outputs, inputs: Tensor, error: ReconstructionError = "mse") -> Tensor:
    """The negative evidence lower bound up to a constant: the divergence plus half the summed
    squared error (unit-variance Gaussian), or plus the summed binary cross-entropy."""
    scale = 1.0 if error == "bce" else 0.5
    return scale * reconstruction(outputs, inputs, error, "sum") + kl(outputs)


_CLASSIFIER: dict[str, Callable[[Outputs], Tensor]] = {
    "pseudo-label": pseudo_label,
    "uniform": uniform,
    "energy": energy,
    "entropy": entropy,
    "confounding": confounding,
}

NAMES = (*_CLASSIFIER, "label", "reconstruction", "kl", "elbo")


def per_image_loss(
    name: str,
    outputs: Outputs,
    inputs: Tensor,
    labels: Tensor | None = None,
    *,
    error: ReconstructionError = "mse",
) -> Tensor:
    """The named loss of each image, ``[images]``; ``error`` chooses the reconstruction error."""
    if name in _CLASSIFIER:
        return _CLASSIFIER[name](outputs)
    if name == "label":
        return label(outputs, labels)
    if name == "reconstruction":
        return reconstruction(outputs, inputs, error)
    if name == "kl":
        return kl(outputs)
    if name == "elbo":
        return elbo(outputs, inputs, error)
    hint = nearest(name, NAMES) or f"expected one of {', '.join(NAMES)}"
    raise UsageError(f"loss {name!r}: unknown; {hint}")


def losses_for(gives: Sequence[str]) -> tuple[str, ...]:
    """The losses that follow from a backbone's outputs. ``label`` also needs a labelled dataset."""
    names: list[str] = []
    if "logits" in gives:
        names += [*_CLASSIFIER, "label"]
    if "reconstruction" in gives:
        names.append("reconstruction")
    if "mean" in gives and "logvar" in gives:
        names.append("kl")
        if "reconstruction" in gives:
            names.append("elbo")
    return tuple(names)


def _get(outputs: Outputs, name: str) -> torch.Tensor:
    if name not in outputs:
        known = ", ".join(outputs) or "nothing"
        raise UsageError(f"output {name!r}: the backbone gives {known}; choose a loss it has")
    return outputs[name]
