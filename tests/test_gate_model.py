# SPDX-License-Identifier: Apache-2.0
"""Gate, the model - random acts on real file systems, each followed by the comparison with one who always asks."""

import subprocess

import lib
from lib import case, figure, require

ACTS, SECONDS = (3000000, 1200) if lib.LONG else (25000, 20)


@case("whatever is done to files: a verdict that was remembered is the one that asking would give")
def model():
    lib.need_root()
    done = subprocess.run([f"{lib.BUILD}/src/gate/test-cache-model", str(ACTS), str(SECONDS)], capture_output=True,
                          text=True, timeout=SECONDS + 120, preexec_fn=lib.die_with_us)
    if done.returncode == 77:
        raise lib.Skip(done.stderr.strip().splitlines()[-1])
    require(done.returncode == 0, done.stderr[-6000:])
    for line in done.stdout.splitlines():
        figure(line)


if __name__ == "__main__":
    lib.main()
