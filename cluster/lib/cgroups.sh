# shellcheck shell=bash
# The instance's control groups: /$TAG in every hierarchy, holding the kubelet's pods and two
# groups of daemons, "control-plane" and "node"; a second node has "node-second" and its pods' group
# "second" there. Whatever runs in there belongs to the instance.

cgroup_is_v2() { [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; }

# Folders in which the instance has its group: the one of v2, or each hierarchy of v1.
cgroup_roots() {
  if cgroup_is_v2; then
    echo /sys/fs/cgroup
  else
    find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
  fi
}

# The hierarchy in which daemons are kept together.
daemon_root() { if cgroup_is_v2; then echo /sys/fs/cgroup; else echo /sys/fs/cgroup/pids; fi; }

create_cgroups() {
  create_group "$TAG"
  mkdir -p "$(daemon_root)/$TAG"/{control-plane,node}
}

# Makes the group $1 in every hierarchy, such that groups with limits can be made in it.
create_group() {
  local root file
  if cgroup_is_v2; then
    mkdir -p "/sys/fs/cgroup/$1"
    enable_controllers "/sys/fs/cgroup/$(dirname "$1")"
    enable_controllers "/sys/fs/cgroup/$1"
  else
    while read -r root; do
      [[ $(stat -fc %T "$root") == cgroupfs ]] || continue
      mkdir -p "$root/$1"
    done < <(cgroup_roots)
    # A group of v1 takes no process before its processors and memory are set.
    for file in cpuset.cpus cpuset.mems; do
      cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$1/$file"
    done
  fi
}

# Passes every controller of the group $1 on to its children.
enable_controllers() {
  local controller
  for controller in $(<"$1/cgroup.controllers"); do
    echo "+$controller" >"$1/cgroup.subtree_control" 2>/dev/null || :
  done
}

join_cgroup() { echo "$BASHPID" >"$(daemon_root)/$TAG/$1/cgroup.procs"; }

# Processes in the instance's groups; with arguments, only in these groups of it.
cgroup_processes() {
  local root group
  while read -r root; do
    for group in "${@:-.}"; do
      [[ -d $root/$TAG/$group ]] || continue
      find "$root/$TAG/$group" -name cgroup.procs -exec cat {} + 2>/dev/null || :
    done
  done < <(cgroup_roots) | sort -u
}

# Kills every process in the given groups (all groups without arguments).
kill_cgroups() {
  await 20 "the processes of $TAG to end" kill_cgroups_once "$@"
}

kill_cgroups_once() {
  local pids
  mapfile -t pids < <(cgroup_processes "$@")
  ((${#pids[@]} == 0)) && return
  kill -KILL "${pids[@]}" 2>/dev/null || :
  return 1
}

remove_cgroups() {
  local root
  while read -r root; do
    [[ -d $root/$TAG ]] || continue
    find "$root/$TAG" -depth -type d -exec rmdir {} + 2>/dev/null || :
    [[ ! -d $root/$TAG ]] || return 1
  done < <(cgroup_roots)
}
