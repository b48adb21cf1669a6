#!/busybox sh
# Process 1 of a lane's machine: mounts the host's /usr and the repository as /mount says, runs /command in the
# repository, says its status in the last line, and turns the machine off.
box=/busybox
$box mkdir -p /proc /sys /dev /tmp /usr /etc /root /var/tmp /repository /lower /upper
$box mount -t proc proc /proc
$box mount -t sysfs sysfs /sys
$box mount -t devtmpfs devtmpfs /dev
$box mount -t tmpfs tmpfs /tmp
$box mount -t tmpfs tmpfs /upper
$box mkdir -p /dev/pts /dev/shm /upper/files /upper/work
$box mount -t devpts devpts /dev/pts
$box mount -t tmpfs tmpfs /dev/shm
# insmod does not look at the kernel's command line, where a module's parameters stand.
for module in $($box cat /modules/order); do
  parameters=$($box grep -o "${module%.ko}\.[^ ]*" /proc/cmdline | $box cut -d. -f2)
  # shellcheck disable=SC2086 # several parameters, or none
  $box insmod "/modules/$module" $parameters || echo "lane: cannot load $module"
done
# shellcheck source=/dev/null
. /mount
# What the tests write stays in the machine's memory.
$box mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /repository
for folder in bin sbin lib lib64; do
  $box ln -s usr/$folder /$folder
done
$box ifconfig lo 127.0.0.1 up
export HOME=/root TERM=dumb NO_COLOR=1
export PATH=/usr/local/bin:/usr/bin:/usr/sbin
cd /repository
$box sh /command
echo "lane: status $?"
# What has been written takes its time on a serial line.
$box sleep 2
$box poweroff -f
