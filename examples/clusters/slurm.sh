#!/usr/bin/env bash
# Remove the subtitles of one film with many jobs of SLURM: an array that renders its parts, and a job that makes
# the film of them when the last has ended, however it did. What is missing then, that job renders.
#
#   PARTS=8 bash examples/clusters/slurm.sh movie.mp4 -o clean.mp4 [OPTION...]
#
# Run it where sbatch is, in the folder that the names are relative to; that folder is on a disk of all nodes. What
# the jobs need is told as sbatch takes it from the environment: SBATCH_PARTITION, SBATCH_GRES=gpu:1,
# SBATCH_TIMELIMIT, ... A job whose node dies, or that must make room, is begun again and goes on. After one that ran
# out of time the film is made by hand: the same command without this script, or this script once more.
set -euo pipefail
parts=${PARTS:-8}

command=subremover
for word; do
    command+=" '${word//\'/\'\\\'\'}'"  # for a plain sh, whatever is in it
done

# shellcheck disable=SC2016  # SLURM's variables are the job's
array=$(sbatch --parsable --job-name=subremover --requeue --array="1-$parts" \
    --wrap="exec $command --part \$SLURM_ARRAY_TASK_ID/\$SLURM_ARRAY_TASK_COUNT")
array=${array%%;*}  # behind it may stand the cluster's name
film=$(sbatch --parsable --job-name=subremover-film --requeue --dependency="afterany:$array" --wrap="exec $command")
echo "parts 1 to $parts are job $array, the film is job ${film%%;*}; to see how far they are: $command --status"
