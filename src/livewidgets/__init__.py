"""Live Jupyter widgets over Supabase Realtime."""
