#!/bin/sh
# Copies the small results of the stages that ran (predictions, metrics, learning curves) from cache/out into results/, those
# of stages that are no longer in pipeline.toml included: sweep them out by hand.
set -eu
cd "$(dirname "$0")"
for file in cache/out/*/predictions/predictions.csv cache/out/*/evaluation/evaluation.json \
    cache/out/*/comparison/*.json cache/out/*/model/history.csv; do
    [ -e "$file" ] || continue
    stage=$(echo "$file" | cut -d/ -f3)
    mkdir -p "results/$stage"
    cp --no-preserve=mode "$file" "results/$stage/"
done
