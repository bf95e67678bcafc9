#!/bin/sh
# keeper.sh DIRECTORY MEGABYTES GROUP...: holds a throwaway host's disk in a mount namespace of its own (so that nothing stays
# mounted without it) and, once its standard input closes, however the test ended, ends every process of that host.
set -eu
directory=$1 megabytes=$2
shift 2

mount -t tmpfs -o "size=${megabytes}m,mode=755" tmpfs "$directory/disk"
mkdir "$directory/disk/upper" "$directory/disk/work"
mount -t overlay overlay \
	-o "lowerdir=/,upperdir=$directory/disk/upper,workdir=$directory/disk/work" "$directory/root"
# Nothing of the machine's own set-up starts by itself, and what the test starts may start.
rm -rf "$directory"/root/etc/systemd/system/*.wants "$directory/root/usr/sbin/policy-rc.d"
mkdir -p "$directory/root/opt/keyturn"
for group; do mkdir -p "$group"; done
echo ready

cat >/dev/null || true

processes() {
	for group; do find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null || true; done
}
for _ in 1 2 3 4 5 6 7 8 9 10; do
	pids=$(processes "$@" | sort -u)
	[ -n "$pids" ] || break
	# shellcheck disable=SC2086
	kill -KILL $pids 2>/dev/null || true
	sleep 0.1
done
umount -l "$directory/root" "$directory/disk"
for group; do find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true; done
rm -rf "$directory/outside"
rm -f "$directory/console.log" "$directory/.#root.lck"
rmdir "$directory/root" "$directory/disk" "$directory"
