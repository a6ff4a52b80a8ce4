# shellcheck shell=bash
# The words for mtdh: what of a command line they are, and whether a VM could do anything with them. Scripts source this.
# shellcheck source=../env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
[ "${BASH_VERSINFO[0]}" -ge 5 ] || die "this needs bash 5, and is run by $BASH_VERSION; on a Mac: brew install bash"

# Of each flag of mtdh what follows it, and the verbs that have it.
declare -A flag_kind=() flag_verbs=()
while read -r flag kind verbs; do
  [[ $flag == --* ]] || continue
  flag_kind[$flag]=$kind
  flag_verbs[$flag]+=",$verbs,"
done <"$ROOT/deploy/vm/flags.txt"

has_flag() { [[ ${flag_verbs[$2]:-} == *,$1,* ]]; }

# Flags of mtdh, each with its values, go to `words`, everything else to `options`. The word `yesterday` alone is the days.
# --run and --dry-run are options of mtdh-vm.sh, too, and mean those.
sort_words() {
  local word before='' into=options left=0
  options=() words=()
  for word in "$@"; do
    case $word in
      --run | --dry-run) into=options ;;
      -v | -vv | -vvv) into=words left=0 ;;
      -*)
        into=options
        case ${flag_kind[${word%%=*}]:-} in
          switch) into=words left=0 ;;
          value) into=words left=1 ;;
          values) into=words left=1000 ;;
        esac
        ;;
      *)
        if [ "$word" = yesterday ] && [[ ! $before =~ ^--(run|start-date|end-date)$ ]]; then
          words+=(--start-date)
          into=words left=1
        fi
        if [ "$into" = words ] && [ "$left" = 0 ]; then into=options; fi
        left=$((left - 1))
        ;;
    esac
    if [ "$into" = words ]; then words+=("$word"); else options+=("$word"); fi
    before=$word
  done
}

# Of the options those that are about the number of VMs are left out.
without_shards() {
  local word is_value=no kept=()
  for word in "${options[@]}"; do
    case $word in
      --shards | --instances | --start-shard | --end-shard) is_value=yes; continue ;;
    esac
    [ "$is_value" = yes ] || kept+=("$word")
    is_value=no
  done
  options=("${kept[@]}")
}

# A day or month of `words`, in `day`; nothing where the flag is not there. `yesterday` and `today` are written out.
day_of() {
  local index yesterday today written
  TZ=UTC printf -v yesterday '%(%F)T' "$((EPOCHSECONDS - 86400))"
  TZ=UTC printf -v today '%(%F)T' "$EPOCHSECONDS"
  day=''
  for index in "${!words[@]}"; do
    case ${words[index]} in
      "$1") index=$((index + 1)); day=${words[index]:-} ;;
      "$1="*) day=${words[index]#*=} ;;
      *) continue ;;
    esac
    case ${day,,} in
      yesterday) written=$yesterday ;;
      today) written=$today ;;
      *) written=$day ;;
    esac
    [[ $written =~ ^[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?$ ]] ||
      die "$1 takes a day such as $yesterday, a month such as ${yesterday%-*}, yesterday or today, not \"$day\""
    words[index]=${words[index]%"$day"}$written day=$written
  done
  last_day=$yesterday
}

# What a VM could only fail at is refused before one is made, with the line to type. `words` is a verb and its flags.
check_words() {
  local typed=$1 verb=${words[0]} word verbs day last_day start
  verbs=$(printf '%s\n' "${flag_verbs[@]}" | tr , '\n' | sort -u | tr '\n' ' ')
  [[ " $verbs " == *" $verb "* ]] || die "no verb that VMs run: $verb; they run one of:$verbs"
  for word in "${words[@]:1}"; do
    [[ $word == --* ]] || continue
    word=${word%%=*}
    case $verb/$word in
      download/--run) die "the run's name is an option, --run before --" ;;
      download/--shard-index | download/--total-shards) die "the number of VMs is an option, --shards, which gives each its $word" ;;
    esac
    has_flag "$verb" "$word" || die "mtdh $verb has no flag $word${flag_verbs[$word]:+; these have it: ${flag_verbs[$word]//,/ }}"
  done
  day_of --start-date
  start=$day
  case $verb in
    instruments | plan | download | full-pipeline | validate)
      [ -n "$start" ] || [[ " ${words[*]} " =~ " --run" ]] ||
        die "which days? Nothing was made. Type: $typed --start-date $last_day [--end-date DAY]; --start-date yesterday is the UTC day before this"
      ;;
  esac
  day_of --end-date
  # A month as last day means all of it.
  [ -z "$day" ] || [ -z "$start" ] || [[ ! $day-31 < $start ]] || die "the last day, $day, is before the first, $start"
}

# with_verb VERB SUBCOMMAND …: what mtdh-vm.sh does, for a verb of mtdh.
with_verb() {
  local verb=$1 subcommand=${2:-help} vm=$ROOT/deploy/vm/mtdh-vm.sh
  shift $(($# > 1 ? 2 : 1))
  case $subcommand in
    deploy | run)
      sort_words "$@"
      words=("$verb" "${words[@]}")
      check_words "$0 $subcommand $*"
      exec "$vm" "$subcommand" "${options[@]}" -- "${words[@]}"
      ;;
    start | stop) die "a VM works once and deletes itself: deploy makes one, delete ends it, retry makes it again" ;;
    *) exec "$vm" "$subcommand" "$@" ;;
  esac
}
