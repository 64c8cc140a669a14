"""A sweep on Dask: a shard is a task, and in the end they are merged.

    python3 with_dask.py limits.toml limits --shards 8
    python3 with_dask.py limits.toml limits --shards 64 --scheduler tcp://head:8786

Without a scheduler, Dask starts workers on this machine. Workers need the program `iocp`
(or its path in $IOCP), and see the folder from which this is run.
"""

import argparse
import os
import pathlib
import subprocess
import sys

from dask.distributed import Client, LocalCluster, as_completed

IOCP = os.environ.get("IOCP", "iocp")


def sweep(plan: str, shard: int, shards: int, out: str, iocp: str) -> tuple[str, int]:
    """Simulates a shard. A task that Dask runs again goes on where it stopped."""
    command = [iocp, "sweep", plan, "--shard", f"{shard}/{shards}", "--out", out]
    ended = subprocess.run([*command, "--threads", "1", "--quiet"], capture_output=True, text=True)
    # 3: a point is not as sure as was asked for; it has a row that says so.
    if ended.returncode not in (0, 3):
        raise RuntimeError(f"{' '.join(command)}: {ended.stderr}")
    return out, ended.returncode


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("plan")
    arguments.add_argument("out")
    arguments.add_argument("--shards", type=int, default=8)
    arguments.add_argument("--scheduler", help="the address of a scheduler that runs already")
    asked = arguments.parse_args()

    folders = pathlib.Path(f"{asked.out}.shards").absolute()
    plan = str(pathlib.Path(asked.plan).absolute())
    cluster = None if asked.scheduler else LocalCluster(threads_per_worker=1, dashboard_address=None)
    with Client(cluster or asked.scheduler) as client:
        tasks = [
            client.submit(sweep, plan, shard, asked.shards, str(folders / str(shard)), IOCP, pure=False)
            for shard in range(1, asked.shards + 1)
        ]
        for done, (task, (folder, _)) in enumerate(as_completed(tasks, with_results=True), 1):
            print(f"{done} of {asked.shards} shards: {folder}", file=sys.stderr)
    if cluster:
        cluster.close()
    shards = [str(folders / str(shard)) for shard in range(1, asked.shards + 1)]
    return subprocess.run([IOCP, "merge", *shards, "--out", asked.out]).returncode


if __name__ == "__main__":
    sys.exit(main())
