#!/bin/sh
# boot.sh DIRECTORY NAME GROUPS NSPAWN-OPTION...: becomes the systemd-nspawn that boots the host; GROUPS is a list of control
# groups, separated by colons. The host is shown a plain cgroup2 tree, as a stock Debian has it.
set -eu
directory=$1 name=$2 groups=$3
shift 3
for group in $(echo "$groups" | tr : ' '); do
	mkdir -p "$group"
	echo $$ >"$group/cgroup.procs"
done
umount -R -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# All capabilities and bpf: without them IPAddressDeny= is silently not enforced inside.
exec systemd-nspawn --quiet --boot --directory="$directory/root" --machine="$name" --register=no --keep-unit \
	--private-network --link-journal=no --console=pipe --resolv-conf=off --timezone=off \
	--capability=all --system-call-filter=bpf --system-call-filter=perf_event_open "$@"
