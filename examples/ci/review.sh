#!/usr/bin/env bash
# Plans the stacks of a live repository and writes the review of the plans.
#
#   review.sh LIVE OUT [options of terragrunt run, such as --filter-affected]
#
# LIVE is the folder of fleet.yaml. In OUT lie then the plans, terragrunt's report, and the review as
# review.md, review.html and review.json. REVIEW_LINK, if set, is where people find review.html.
# Exits with 0 when there is nothing to look at, with 2 when there is, and with 1 on an error.
set -euo pipefail

live=$1
out=$2
shift 2
mkdir -p "$out"
out=$(cd "$out" && pwd)
live=$(cd "$live" && pwd)

# Stacks that are not what their files say would be reviewed for nothing.
gpu-stacks check "$live" || exit 1

planned=0
(
  cd "$live"
  terragrunt run --all --non-interactive --no-color \
    --json-out-dir "$out/plans" --report-file "$out/report.json" "$@" \
    -- plan -input=false -lock=false -no-color -detailed-exitcode
) > "$out/terragrunt.log" 2>&1 || planned=$?

# 2 says that something changes. After 1 some stacks have a plan; the report names the others, and the
# review sets them apart. Without any plan the log is all there is.
if [ ! -d "$out/plans" ]; then
  tail -n 50 "$out/terragrunt.log" >&2
  exit 1
fi
echo "terragrunt ended with $planned"

gpu-stacks review "$out/plans" --report "$out/report.json" --stacks "$live" \
  --out "$out/review.md" --out "$out/review.html" --out "$out/review.json" \
  ${REVIEW_LINK:+--link "$REVIEW_LINK"}
