"""Why a widget is empty: one check after the other, each with what mends it."""
