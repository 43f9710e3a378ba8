"""``python -m benchmarks``: take every figure and print them."""

from __future__ import annotations

from . import bundles, catch_up, memory, page, receive, startup, traffic, viewers, window, writes
from .table import Figure, show


def main() -> None:
    """Run all benchmarks."""
    figures: list[Figure] = []
    for benchmark in (receive, memory, window, writes, catch_up, startup, traffic, viewers, page, bundles):
        figures += benchmark.figures()
    show(figures)


if __name__ == "__main__":
    main()
