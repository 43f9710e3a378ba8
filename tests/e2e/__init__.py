"""Real JupyterLab and real Voila in a real Chromium."""
