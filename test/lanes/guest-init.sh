#!/bin/busybox sh
# Process 1 of a lane's machine: mounts the host's /usr and the repository by 9p, runs /command in the repository,
# says its status in the last line, and turns the machine off.
box=/bin/busybox
$box mkdir -p /proc /sys /dev /tmp /usr /etc /root /var/tmp /repository
$box mount -t proc proc /proc
$box mount -t sysfs sysfs /sys
$box mount -t devtmpfs devtmpfs /dev
$box mount -t tmpfs tmpfs /tmp
$box mkdir -p /dev/pts /dev/shm
$box mount -t devpts devpts /dev/pts
$box mount -t tmpfs tmpfs /dev/shm
# insmod does not look at the kernel's command line, where a module's parameters stand.
for module in $($box cat /modules/order); do
  parameters=$($box grep -o "${module%.ko}\.[^ ]*" /proc/cmdline | $box cut -d. -f2)
  # shellcheck disable=SC2086 # several parameters, or none
  $box insmod "/modules/$module" $parameters || echo "lane: cannot load $module"
done
options=trans=virtio,version=9p2000.L,msize=524288,cache=loose
$box mount -t 9p -o "$options,ro" usr /usr
$box mount -t 9p -o "$options" repository /repository
$box ln -s usr/lib /lib
$box ln -s usr/lib64 /lib64
$box ln -s usr/sbin /sbin
for tool in /usr/bin/*; do
  name=${tool##*/}
  [ -e "/bin/$name" ] || $box ln -s "$tool" "/bin/$name"
done
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd
echo 'root:x:0:' > /etc/group
echo '127.0.0.1 localhost' > /etc/hosts
$box ifconfig lo 127.0.0.1 up
export HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin TERM=dumb NO_COLOR=1
cd /repository
$box sh /command
echo "lane: status $?"
$box poweroff -f
