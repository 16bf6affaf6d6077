"""`python -m ovw.scale.plan`, the former name of `ovw.scale.cost`."""

from ovw.scale.cost import Fleet as Plan
from ovw.scale.cost import main

__all__ = ["Plan", "main"]

if __name__ == "__main__":
    main()
