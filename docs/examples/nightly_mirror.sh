#!/bin/sh
# Mirror one customer's file of all coming visits: what is in it is invited, what it lacks is withdrawn.
# Says nothing where all went well, so that cron sends no mail; else what the import said, and its exit code.
# Usage, in the worker's folder: nightly_mirror.sh CONNECTION FILE
set -eu
connection=$1
file=$2
rejects="rejected-$connection-$(date +%Y-%m-%d-%H%M%S).csv"

code=0
said=$(.venv/bin/envoy-worker invites import "$file" \
    --connection "$connection" --mirror --rejects "$rejects" 2>&1) || code=$?
[ "$code" -eq 0 ] && exit 0

printf '%s\n' "$said"
case $code in
    2) echo "Nothing was written. Look at $file: if all that it lacks shall go, import it by hand with --yes." ;;
    3) echo "Some lines were rejected. They are in $rejects, if any could be read." ;;
    *) echo "Import the same file again once the cause is gone." ;;
esac
exit "$code"
