#!/usr/bin/env bash
# What a newcomer does in an afternoon, against the simulated vendor: scripts/newcomer.sh
#
# Declares two venues, syncs, is killed, syncs again, lists, gets a week of three instruments into one Parquet file, opens the Iceberg
# table, runs SQL, exports for Hive, certifies, changes one object, verifies, and opens the report in a browser.
# Every step compares what came out with what another program counts. MTDH names the program, else the one on the PATH;
# PYTHON names a Python with scripts/requirements.txt. It ends with 1 at the first thing that is not as it should be.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
MTDH=${MTDH:-mtdh} PYTHON=${PYTHON:-$here/../.venv/bin/python}

scratch=$(mktemp -d)
trap 'kill "${sim:-}" 2>/dev/null || true; rm -rf "$scratch"' EXIT
cd "$scratch"
# A process that was killed loses the lake after five seconds of silence, in place of a minute.
export MTDH_LAKE="$scratch/lake" MTDH_LEASE_SECONDS=5

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
wrong() {
  echo "newcomer: $*" >&2
  exit 1
}
# expect STATUS COMMAND...: the command ends with that status; what it prints is shown, and kept in `said`.
expect() {
  local status=$1 got=0
  shift
  "$@" >said 2>&1 || got=$?
  tail -n 12 said
  [ "$got" = "$status" ] || wrong "'${*##*/}' ended with $got, not with $status"
}
says() { grep -qE -- "$1" said || wrong "no line says '$1'"; }
read_by() { "$PYTHON" "$here/newcomer.py" "$@"; }

"$MTDH" sim --small --now 2024-03-09T12:00 --format jsonl --seconds 300 >sim.jsonl 2>sim.log &
sim=$!
for _ in $(seq 100); do
  grep -q MTDH_SIM_CONTROL sim.jsonl && break
  sleep 0.1
done
while IFS='=' read -r name value; do export "$name=$value"; done < <(
  sed -nE 's/.*"value":"([^"]*)","variable":"(TARDIS[A-Z_]*|BINANCE_URL)".*/\2=\1/p' sim.jsonl)

step "declare two venues"
expect 0 "$MTDH" want add week --start-date 2024-03-01 --end-date 2024-03-07 --venues BINANCE DERIBIT \
  --instrument-types PERP SPOT_PAIR --data-types trades book_snapshot_5 derivative_ticker --timeframes 1m,1h
says 'next: .*sync'

step "sync, killed on its way"
"$MTDH" sync >killed 2>&1 &
killed=$!
for _ in $(seq 1000); do
  [ "$(find lake -name '*.parquet' 2>/dev/null | wc -l)" -gt 20 ] && break
  sleep 0.01
done
kill -9 "$killed"
wait "$killed" && wrong "sync was over before it was killed"
expect 1 "$MTDH" validate

step "sync again"
expect 0 "$MTDH" sync
says 'the lake is as is wanted'
expect 0 "$MTDH" sync
says 'the lake is as is wanted'

step "list"
expect 0 "$MTDH" ls
says '154 partitions'
expect 0 "$MTDH" venues
says 'DERIBIT'
expect 0 "$MTDH" runs
expect 0 "$MTDH" why DERIBIT:PERP:BTC-USD 2024-03-05 trades

step "a week of three instruments"
keys=(DERIBIT:PERP:BTC-USD BINANCE:SPOT_PAIR:BTC-USDT BINANCE:SPOT_PAIR:ETH-USDT)
expect 0 "$MTDH" get "${keys[@]}" --data-types trades --start 2024-03-01 --end 2024-03-07 --output week.parquet
read_by week week.parquet "${keys[@]}"

step "the Iceberg tables"
expect 0 "$MTDH" publish iceberg
read_by iceberg
expect 0 "$MTDH" publish iceberg
says 'nothing changed'

step "SQL"
expect 0 "$MTDH" paths --data-types trades
[ "$(grep -c '/lake/.*\.parquet$' said)" = 70 ] || wrong "paths: $(wc -l <said) lines"
"$MTDH" sql --print --data-types trades >views.sql
read_by sql views.sql
PATH="$(dirname "$PYTHON"):$PATH" expect 0 "$MTDH" sql 'select count(*) as rows from trades' --data-types trades
says '8,?465'

step "export for Hive"
expect 0 "$MTDH" export hive --out hive
read_by hive hive

step "certify, change one object, verify"
expect 0 "$MTDH" certify --out week.json --bytes
expect 0 "$MTDH" verify week.json --bytes
object=$(find lake -path '*day-2024-03-05*data_type-trades*' -name 'DERIBIT:PERP:BTC-USD.parquet')
read_by flip "$object"
expect 1 "$MTDH" verify week.json --bytes
says 'DERIBIT:PERP:BTC-USD'

step "the report, in a browser"
expect 1 "$MTDH" check all --report report.html --format csv
read_by report report.html

step "done"
