"""The components: each a projection of live data and its options."""
