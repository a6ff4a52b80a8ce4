# shellcheck shell=bash
# For the scripts under the known names: sorts their arguments for mtdh-vm.sh, and runs it. They source this.

# Flags of mtdh, each with its values, go to `words`, everything else to `options`.
sort_words() {
  local word into=options
  options=() words=()
  for word in "$@"; do
    case $word in
      --start-date | --end-date | --venues | --instrument-types | --data-types | --instruments | --universe) into=words ;;
      --max-instruments | --max-workers | --force | --combos) into=words ;;
      --*) into=options ;;
    esac
    if [ "$into" = words ]; then words+=("$word"); else options+=("$word"); fi
  done
}

# with_verb VERB SUBCOMMAND …: what mtdh-vm.sh does, for a verb of mtdh.
with_verb() {
  local verb=$1 subcommand=${2:-help} vm
  vm=$(dirname "${BASH_SOURCE[0]}")/mtdh-vm.sh
  shift $(($# > 1 ? 2 : 1))
  sort_words "$@"
  case $subcommand in
    deploy | run) exec "$vm" "$subcommand" "${options[@]}" -- "$verb" "${words[@]}" ;;
    start | stop)
      echo "a VM works once and deletes itself: deploy makes one, delete ends it, retry makes it again" >&2
      exit 2
      ;;
    *) exec "$vm" "$subcommand" "$@" ;;
  esac
}
