"""The connection to Supabase: everything that opens a socket, on one background thread."""
