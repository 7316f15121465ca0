"""How do Opacus and torch compute what each row pulls on the net's parameters? The extra way; ours needs no torch.

Opacus gives a gradient for every row; each is cut to the clip and summed here. Noise never comes from torch: the sum
goes through the same paid steps (`privacy.mechanisms.NoisySteps`), rounded to the same grid, under the same ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.errors import MissingExtraError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_AT_ONCE = 1_024  # rows: Opacus holds a gradient for each


def clipped_sum(sizes: Sequence[int], width: int, parameters: Floats, codes: Ints, clip: float) -> Floats:
    """Return the sum over rows of the gradient of -log p(row), each row's cut to length `clip`.

    `sizes` are the codes of each column, `parameters` one flat vector (see `engines.tabular.neural.net.Net`), `codes`
    has shape (columns, rows).

    Raises:
        MissingExtraError: torch or Opacus is not installed.
    """
    torch, grad_sample = _libraries()
    module = _nade(torch, tuple(sizes), width)
    _fill(torch, module, parameters)
    watched = grad_sample(module, loss_reduction="sum")
    total = np.zeros(len(parameters))
    for start in range(0, codes.shape[1], _AT_ONCE):
        rows = torch.as_tensor(np.ascontiguousarray(codes[:, start : start + _AT_ONCE].T))
        for parameter in watched.parameters():
            parameter.grad_sample = None
        watched(rows).sum().backward()
        # The last column's table feeds no other column: nothing pulls on it.
        parts = [
            torch.zeros(len(rows), p.numel()) if p.grad_sample is None else p.grad_sample.reshape(len(rows), -1)
            for p in watched.parameters()
        ]
        each = torch.cat(parts, dim=1)
        share = (clip / each.norm(dim=1).clamp_min(1e-12)).clamp_max(1.0)
        # In double precision, as ours: a sum in single precision would move with the order of rows.
        total += (each.double() * share.double()[:, None]).sum(dim=0).numpy()
    return total


def _nade(torch: Any, sizes: tuple[int, ...], width: int) -> Any:
    """Return the net as a module whose layers Opacus knows; it gives -log p of each row."""
    nn = torch.nn

    class Nade(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Embedding(1, width)
            self.columns = nn.ModuleList(
                nn.ModuleList([nn.Embedding(size, width), nn.Linear(width, size)]) for size in sizes
            )

        def forward(self, rows: Any) -> Any:
            state = self.first(torch.zeros_like(rows[:, 0]))
            loss = torch.zeros(len(rows))
            for place, (table, head) in enumerate(self.columns):
                logits = head(torch.tanh(state))
                loss = loss + nn.functional.cross_entropy(logits, rows[:, place], reduction="none")
                state = state + table(rows[:, place])
            return loss

    return Nade()


def _fill(torch: Any, module: Any, parameters: Floats) -> None:
    """Set a module's parameters, which lie in the same order as in the flat vector."""
    start = 0
    with torch.no_grad():
        for parameter in module.parameters():
            part = parameters[start : start + parameter.numel()]
            parameter.copy_(torch.as_tensor(part, dtype=torch.float32).reshape(parameter.shape))
            start += parameter.numel()


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        from opacus import GradSampleModule
    except ImportError as missing:
        raise MissingExtraError(
            "gradients by Opacus need torch and Opacus, which are not installed", where="opacus",
            fix="pip install 'veridical[opacus]', or leave out `gradients=opacus`",
        ) from missing  # fmt: skip
    return torch, GradSampleModule
