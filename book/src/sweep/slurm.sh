#!/bin/bash
#SBATCH --job-name=limits
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --requeue

# Each task of the array simulates its shard. A task that is requeued goes on where it stopped.
# Afterwards: iocp merge shards/* --out limits
iocp sweep limits.toml \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --out "shards/$SLURM_ARRAY_TASK_ID" \
    --threads "$SLURM_CPUS_PER_TASK"
