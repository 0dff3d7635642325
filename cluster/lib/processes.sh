# shellcheck shell=bash
# Daemons of an instance, each with a record "PID START-TIME" in $RUN/NAME.pid.
# A number that has gone to another process has another start time, so it is never signalled.

# Clock ticks after boot at which process $1 started; fails if there is none.
start_time() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The command in parentheses may hold spaces; field 22 is the 20th after it.
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z ]] || return 1
  echo "${fields[19]}"
}

# Prints the pid of daemon $1 if it runs and is ours.
daemon_pid() {
  local pid started
  { read -r pid started <"$RUN/$1.pid"; } 2>/dev/null || return 1
  [[ $(start_time "$pid") == "$started" ]] || return 1
  echo "$pid"
}

daemon_runs() { daemon_pid "$1" >/dev/null; }

# How a daemon begins, with its group as $1. The control plane goes before the node, as if it had a machine of its own:
# else an API server whose node ends a hundred pods answers after seconds. Where the kernel shares processors among
# sessions (autogroup), nice says nothing beyond the own one, and the session's own value counts.
# shellcheck disable=SC2016
readonly BEGIN='group=$1 && shift
if [[ $group == control-plane ]]; then
  renice -n -10 -p $$ >/dev/null || :
  [[ ! -e /proc/self/autogroup ]] || echo -10 >/proc/self/autogroup || :
fi
exec "$@"'

# start_daemon NAME GROUP COMMAND…: starts COMMAND inside the instance's network, as a member of
# its control group GROUP, detached from this terminal. Does nothing if it runs already.
start_daemon() {
  local name=$1 group=$2 pid
  shift 2
  daemon_runs "$name" && return
  (
    [[ -z $LOCK_FD ]] || exec {LOCK_FD}>&-
    join_cgroup "$group"
    exec setsid bash -c "$BEGIN" daemon "$group" nsenter --net="$NETNS" -- "$@"
  ) </dev/null >>"$LOGS/$name.log" 2>&1 &
  pid=$!
  echo "$pid $(start_time "$pid")" >"$RUN/$name.pid"
}

# await_daemon SECONDS NAME COMMAND…: as await, but ends at once if the daemon dies, showing its log.
await_daemon() {
  local seconds=$1 name=$2
  shift 2
  if ! await "$seconds" "$name" settled "$name" "$@" || ! daemon_runs "$name"; then
    tail -n 15 "$LOGS/$name.log" >&2 || :
    die "$name did not start; its log is $LOGS/$name.log"
  fi
}

# True when the daemon has died or COMMAND succeeds.
settled() {
  local name=$1
  shift
  ! daemon_runs "$name" || "$@"
}

# stop_daemon NAME: asks it to end, and kills it if it has not ended after five seconds.
stop_daemon() {
  local pid
  if pid=$(daemon_pid "$1"); then
    kill -TERM "$pid" 2>/dev/null || :
    await 5 "$1 to stop" daemon_stopped "$1" 2>/dev/null || kill_daemon "$1"
  fi
  rm -f "$RUN/$1.pid"
}

# kill_daemon NAME: ends it without asking.
kill_daemon() {
  local pid
  if pid=$(daemon_pid "$1"); then
    kill -KILL "$pid" 2>/dev/null || :
    await 5 "$1 to die" daemon_stopped "$1"
  fi
  rm -f "$RUN/$1.pid"
}

daemon_stopped() { ! daemon_runs "$1"; }
