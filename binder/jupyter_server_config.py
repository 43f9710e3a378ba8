"""What a Jupyter server needs that serves dashboards beside notebooks (Voila as its extension).

It belongs into a folder that ``jupyter --paths`` lists under ``config``.
"""

c = get_config()  # noqa: F821 - given by the server

# Kernels that Voila has started end with their pages; those of notebooks stay as they are.
c.ServerApp.kernel_manager_class = "livewidgets.voila_kernels.DashboardKernels"
# A page that sleeps is found out within a minute (milliseconds). The timeout has to be the longer of the two: with equal
# ones an answer that is a moment late would cut a page that is there.
c.ServerApp.tornado_settings.update({"ws_ping_interval": 20_000, "ws_ping_timeout": 50_000})
