"""``python -m livewidgets`` is the command ``livewidgets``."""

from livewidgets.cli import main

if __name__ == "__main__":
    main()
