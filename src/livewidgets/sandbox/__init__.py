"""A Supabase-compatible backend for demos, tests and Binder. Not for production."""
