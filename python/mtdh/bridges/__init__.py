"""Bridges from a lake to backtesting packages, each optional: `hftbacktest` and `nautilus_trader`.

The packages are imported when a bridge is called. What they need and the lake does not have is refused, never made up; what
they cannot hold is told by a `BridgeWarning`. Start with `mtdh.bridges.hftbacktest.to_hftbacktest` or
`mtdh.bridges.nautilus.to_nautilus`; `mtdh.Lake` has methods of the same names.
"""


class BridgeWarning(UserWarning):
    """The result is right, and something about it has to be known: which table a book is made of, what was left out."""
