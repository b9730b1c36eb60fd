"""Catches the functional call that uses a wanted parameter, and the gradient at its output.

Neither a module hook nor a tensor hook set after the forward will do: an in-place operation that
follows changes what they see, and many modules call the functional form themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from benchbench.gradients.factors import Call

_CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_CONV_TRANSPOSE = (*_CONV[:5], "output_padding", "groups", "dilation")
_NORMS = (F.layer_norm, F.batch_norm, F.group_norm, F.instance_norm, F.rms_norm)

_SIGNATURES: dict[Callable[..., Any], tuple[str, ...]] = {
    F.linear: ("input", "weight", "bias"),
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d), _CONV),
    **dict.fromkeys((F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d), _CONV_TRANSPOSE),
    **{function: tuple(inspect.signature(function).parameters) for function in _NORMS},
}


@dataclass(slots=True, eq=False)
class Target:
    """A wanted parameter and what one forward pass did with it.

    ``obstacle`` says why its gradient cannot be taken from factors; then it has to be taken from
    autograd, image by image.
    """

    parameter: Tensor
    of: str
    key: tuple[str, str] = ("", "")
    calls: list[Call] = field(default_factory=list)
    obstacle: str | None = None


Sink = Callable[[Target, Call, Tensor], None]


class _Tap(torch.autograd.Function):
    """The identity; its backward hands the gradient at a layer's output to ``receive``."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, token: Tensor, receive: Callable[[Tensor], None]) -> Tensor:
        ctx.receive = receive
        # A new tensor on the same memory: no view, so that in-place operations may follow, and no
        # copy. None of the functions tapped keeps its output for its backward.
        return y.data

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None]:
        ctx.receive(grad)
        return (grad if ctx.needs_input_grad[0] else None), None, None


class Capture(TorchFunctionMode):
    """While active and ``recording``, taps every functional call that uses a target's parameter.

    No parameter has to require a gradient: each tap depends on ``token``, so that a backward to
    ``token`` alone reaches every tap and no further. Keep the mode active during ``backward`` with
    ``recording`` off: a checkpointed block runs its forward again there. With ``release`` on, the
    graph and each call's input are dropped on the way: it is the last backward.
    """

    def __init__(self, targets: Iterable[Target]) -> None:
        super().__init__()
        self.targets = {id(target.parameter): target for target in targets}
        self.token = torch.zeros((), requires_grad=True)
        self.recording = True
        self.release = True
        self.sink: Sink | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        used = self._used(args) + self._used(kwargs.values())
        if not used:
            return result
        arguments = _bind(func, args, kwargs)
        plain = [t for t in used if arguments is not None and arguments[t.of] is t.parameter]
        if len(plain) < len(used) or not isinstance(result, Tensor):
            self._give_up(used, func, result)
        if arguments is None or not isinstance(result, Tensor) or not plain:
            return result
        if not self.recording:
            return _Tap.apply(result, self.token, _ignore)
        if not torch.is_grad_enabled():
            for target in plain:
                target.obstacle = "it is used where gradients are switched off"
            return result
        call = _call(func, arguments)
        for target in plain:
            if call is None:
                target.obstacle = "it normalises with the statistics of the batch"
            else:
                target.calls.append(call)
        if call is None:
            return result
        return _Tap.apply(result, self.token, partial(self._receive, plain, call))

    def backward(self, loss: Tensor) -> None:
        """Backward from a scalar to every tap, and no further.

        The engine is called itself, since ``torch.autograd.backward`` is a function that a mode
        catches, and would run with the mode off.
        """
        engine = torch.autograd.Variable._execution_engine
        # tensors, gradients, keep graph, create graph, inputs; allow unreachable, accumulate
        engine.run_backward(
            (loss,), (torch.ones_like(loss),), not self.release, False, (self.token,), True, True
        )

    def _used(self, values: Iterable[Any]) -> list[Target]:
        found = []
        for value in values:
            if isinstance(value, Tensor):
                if id(value) in self.targets:
                    found.append(self.targets[id(value)])
            elif isinstance(value, (list, tuple)):
                found += self._used(value)
        return found

    def _give_up(self, used: list[Target], func: Callable[..., Any], result: Any) -> None:
        """A use that is not understood spoils the factors, unless nothing comes of it
        (``weight.shape``) or the parameter itself does (``weight.to(dtype)``)."""
        if not self.recording:
            return
        for target in used:
            if result is not target.parameter and _holds_tensor(result):
                name = getattr(func, "__name__", repr(func))
                target.obstacle = f"its {target.of} goes through {name}()"

    def _receive(self, targets: list[Target], call: Call, grad: Tensor) -> None:
        if self.sink is not None:
            for target in targets:
                self.sink(target, call, grad)
        if self.release:
            call.x = None


def _ignore(grad: Tensor) -> None:
    return None


def _holds_tensor(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_tensor(item) for item in value)
    return isinstance(value, Tensor)


def _bind(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any] | None:
    names = _SIGNATURES.get(func)
    if names is None:
        return None
    bound = dict(zip(names, args, strict=False)) | dict(kwargs)
    return {"weight": None, "bias": None} | bound


def _call(func: Callable[..., Any], arguments: dict[str, Any]) -> Call | None:
    x, weight = arguments["input"].detach(), arguments["weight"]
    if func is F.linear:
        return Call("linear", x, x._version, weight, {})
    if func in _NORMS:
        if arguments.get("training"):
            return None
        rest = {k: v for k, v in arguments.items() if k not in ("input", "weight", "bias")}
        features = len(rest.get("normalized_shape", ()))
        return Call("norm", x, x._version, None, {}, partial(func, **rest), features)
    dims = weight.dim() - 2
    transposed = "transpose" in func.__name__
    options = {
        name: _tuple(arguments.get(name, default), dims)
        for name, default in (
            ("stride", 1),
            ("padding", 0),
            ("dilation", 1),
            ("output_padding", 0),
        )
    }
    options |= {"groups": arguments.get("groups", 1), "transposed": transposed}
    return Call("conv", x, x._version, weight.detach(), options, features=0)


def _tuple(value: Any, dims: int) -> Any:
    if isinstance(value, str):
        return value
    values = [value] if isinstance(value, int) else list(value)
    return values * dims if len(values) == 1 else values
