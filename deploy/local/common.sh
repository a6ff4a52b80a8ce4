# shellcheck shell=bash disable=SC2034
# What run-main.sh and run-docker.sh share: the mode and its words, the settings file, the log. They source this.
# shellcheck source=../env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
cd "$ROOT" || exit 2

# The mode, wherever it stands, goes to `mode`, the words without it to `words`; `file` is the settings file, which the scripts
# read, too.
read_words() {
  local before='' word
  mode='' words=() file=.env
  case ${1:-} in
    -* | '') ;;
    *) mode=$1; shift ;;
  esac
  for word in "$@"; do
    case $word in
      --mode) ;;
      --mode=*) mode=${word#--mode=} ;;
      *)
        if [ "$before" = --mode ]; then mode=$word; else words+=("$word"); fi
        [ "$before" != --env-file ] || file=$word MTDH_ENV_FILE=$word
        ;;
    esac
    case $word in --env-file=*) file=${word#--env-file=} MTDH_ENV_FILE=$file ;; esac
    before=$word
  done
  [ "$before" != --mode ] || die "--mode needs a value"
}

# The settings file is made where it lacks; what will be missed is said, what cannot work is refused. `log` is the file
# that keeps what a verb says which works on a lake; others only answer.
check_settings() {
  if [ ! -e "$file" ] && [ "$file" = .env ]; then
    cp env.example .env
    chmod 600 .env
    say "made .env from env.example; put the vendor's key and the lake there"
  fi
  [ -r "$file" ] || die "$file cannot be read; see its owner and mode"
  case $mode in
    instruments | plan | download | full-pipeline)
      [ -n "$(setting TARDIS_API_KEY)" ] || say "TARDIS_API_KEY is not set: the vendor gives first days of months only"
      ;;
  esac
  credentials=$(setting GCP_CREDENTIALS_PATH)
  if [ -n "$credentials" ] && { [ ! -f "$credentials" ] || [ ! -r "$credentials" ]; }; then
    die "GCP_CREDENTIALS_PATH names $credentials, which cannot be read"
  fi
  log=''
  case $mode in
    instruments | plan | download | full-pipeline | validate | check | candles | convert | rekey | demo | candle-processing)
      mkdir -p logs
      log=logs/$mode-$(date -u +%Y%m%dT%H%M%SZ).log
      ;;
  esac
}
