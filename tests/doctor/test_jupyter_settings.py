"""Jupyter's settings, read off its files."""

from __future__ import annotations

import json
from pathlib import Path

from livewidgets.doctor.jupyter_settings import config_folders, parse_json, parse_python, read_settings


def test_python_files_are_read_and_not_run(tmp_path: Path):
    text = """
c = get_config()
open("ran", "w")
# c.ServerApp.iopub_msg_rate_limit = 5
c.ZMQChannelsWebsocketConnection.iopub_msg_rate_limit = 1.0e10
c.MappingKernelManager.cull_idle_timeout = 120   # seconds
c.ServerApp.kernel_manager_class = "a.B"  # "c"
c.VoilaConfiguration.multi_kernel_manager_class = 'a.C'
c.MappingKernelManager.cull_idle_timeout = computed()
"""
    assert parse_python(text) == {
        "iopub_msg_rate_limit": 1.0e10,
        "cull_idle_timeout": 120.0,
        "kernel_manager_class": "a.B",
        "multi_kernel_manager_class": "a.C",
    }


def test_json_files():
    text = json.dumps({"MappingKernelManager": {"cull_idle_timeout": 30, "x": 1}, "version": 1})
    assert parse_json(text) == {"cull_idle_timeout": 30}
    assert parse_json('{"VoilaConfiguration": {"multi_kernel_manager_class": "a.B"}}') == {
        "multi_kernel_manager_class": "a.B"
    }
    assert parse_json("{") == parse_json("[]") == {}


def test_an_earlier_folder_wins(tmp_path: Path):
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    (near / "voila.json").write_text('{"MappingKernelManager": {"cull_idle_timeout": 30}}')
    (far / "jupyter_server_config.py").write_text(
        "c.MappingKernelManager.cull_idle_timeout = 60\nc.ServerApp.iopub_msg_rate_limit = 50\n"
    )
    found = read_settings([near, tmp_path / "missing", far])
    assert found["cull_idle_timeout"] == (30, near / "voila.json")
    assert found["iopub_msg_rate_limit"] == (50.0, far / "jupyter_server_config.py")


def test_the_folders_of_this_machine():
    assert config_folders()[0] == Path.cwd()
