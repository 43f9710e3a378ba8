"""Our figures beside those of the peers, taken in the same run. ``make bench`` prints them."""
