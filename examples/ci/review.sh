#!/usr/bin/env bash
# Plans the stacks of a live repository and writes the review of the plans.
#
#   review.sh LIVE OUT [--since REF] [options of terragrunt run]
#
# LIVE is the folder of fleet.yaml. With --since only those stacks are planned that the commits since REF touch;
# for a stack that they remove, the plan destroys it. That reads commits and not the working copy, and states in a
# folder of the working copy are not seen. Without --since every stack is planned.
#
# In OUT lie then the plans, terragrunt's report, and the review as review.md, review.html and review.json.
# REVIEW_LINK, if set, is where people find review.html.
# Exits with 0 when there is nothing to look at, with 2 when there is, and with 1 on an error.
set -euo pipefail

live=$1
out=$2
shift 2
mkdir -p "$out"
out=$(cd "$out" && pwd)
live=$(cd "$live" && pwd)

# What an earlier run left would pass for this one's.
rm -rf "$out/plans"
rm -f "$out/report.json" "$out/terragrunt.log" "$out/review.md" "$out/review.html" "$out/review.json"

filter=()
if [ "${1-}" = --since ]; then
  # Where the branch began, so that what others merged since is not taken for its work.
  since=$(git -C "$live" merge-base "$2" HEAD) || {
    echo "$2 and HEAD have no commit in common here: fetch the whole history" >&2
    exit 1
  }
  shift 2
  # Without --filter-allow-destroy a removed stack is passed over.
  filter=(--filter "[$since...HEAD]" --filter-allow-destroy)
fi

# Stacks that are not what their files say would be reviewed for nothing.
gpu-stacks check "$live" || exit 1

planned=0
(
  cd "$live"
  terragrunt run --all --non-interactive --no-color \
    --json-out-dir "$out/plans" --report-file "$out/report.json" "${filter[@]}" "$@" \
    -- plan -input=false -lock=false -no-color -detailed-exitcode
) > "$out/terragrunt.log" 2>&1 || planned=$?
echo "terragrunt ended with $planned"

# 2 says that something changes. After 1 some stacks have a plan; the report names the others, and the
# review sets them apart. Without any plan the log is all there is.
if [ ! -d "$out/plans" ]; then
  if [ "$planned" = 0 ]; then
    echo "No stack is touched." | tee "$out/review.md"
    exit 0
  fi
  tail -n 50 "$out/terragrunt.log" >&2
  exit 1
fi

# The limit leaves room for a line by which a workflow finds its comment again.
gpu-stacks review "$out/plans" --report "$out/report.json" --stacks "$live" --limit 65400 \
  --out "$out/review.md" --out "$out/review.html" --out "$out/review.json" \
  ${REVIEW_LINK:+--link "$REVIEW_LINK"}
