# shellcheck shell=bash
# The kernel and the initramfs of the guest, sourced by `host.bash`.

# Sets $kernel to a folder with Debian's kernel and its modules, which are fetched once and never installed here, and
# $release to its name.
fetch_kernel() {
    local package
    package=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" { print $2; exit }')
    [[ $package ]] || fail "apt knows no linux-image-amd64; run: apt-get update"
    kernel=$top/.swtpm/$package
    release=${package#linux-image-}
    [[ -e $kernel/vmlinuz ]] && return
    say "fetching $package"
    rm -rf -- "$kernel"
    mkdir -p -- "$kernel"
    (cd -- "$kernel" && apt-get -q download "$package" >&2) || fail "apt-get could not download $package"
    dpkg -x "$kernel/"*.deb "$kernel"
    rm -- "$kernel/"*.deb
    PATH=$PATH:/sbin depmod -b "$kernel" "$release"
    mv -- "$kernel/boot/vmlinuz-$release" "$kernel/vmlinuz"
}

# make_images INITRAMFS DISK: an initramfs with busybox, the two programs, tpm2-tools, perl, systemd, and what they link; and
# a disk with the same, which the last boot runs from.
make_images() {
    fetch_kernel
    local root=$work/root program
    mkdir -p -- "$root/"{bin,dev,proc,sys,run,tmp,disk,etc,var/lib,lib/modules}
    cp -- /bin/busybox "$root/bin/busybox"
    cp -- "$top/Tests/QEMU/guest.sh" "$root/init"
    cp -- "$top/Tests/QEMU/hold.pl" "$dir/trust-root.pem" "$root/etc"
    chmod 0755 "$root/init"
    printf 'root:x:0:0::/root:/bin/sh\ntss:x:101:101::/:/bin/sh\ntenpin:x:102:102::/disk:/bin/sh\n' >"$root/etc/passwd"
    printf 'person:x:103:103::/disk:/bin/sh\nother:x:104:104::/disk:/bin/sh\n' >>"$root/etc/passwd"
    printf 'root:x:0:\ntss:x:101:tenpin,other\ntenpin:x:102:person\nperson:x:103:\nother:x:104:\n' >"$root/etc/group"

    for program in tenpin tenpin-vault; do
        strip -o "$root/bin/$program" "$bin/$program"
        copy_libraries "$bin/$program"
    done
    mkdir -p -- "$root/usr/local/bin"
    ln -s /bin/tenpin-vault "$root/usr/local/bin"
    for program in /usr/bin/tpm2 /usr/bin/perl; do
        cp -- "$program" "$root/bin"
        copy_libraries "$program"
    done
    copy_libraries_by_name libtss2-tcti-device.so.0
    mkdir -p -- "$root/usr/lib/x86_64-linux-gnu"
    cp -R -- /usr/lib/x86_64-linux-gnu/perl-base "$root/usr/lib/x86_64-linux-gnu"
    copy_systemd
    copy_modules virtio_pci virtio_blk virtio_rng ext4 crc32c_generic
    chmod -R a+rX -- "$root"
    (cd -- "$root" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null --create --format=newc --owner=+0:+0) >"$1"
    truncate -s 1G "$2"
    PATH=$PATH:/sbin mke2fs -q -t ext4 -E root_owner=0:0 -d "$root" "$2"
    rm -rf -- "$root"
}

# copy_libraries PROGRAM: what it links, at the same paths.
copy_libraries() {
    local library
    while read -r library; do
        mkdir -p -- "$root$(dirname -- "$library")"
        cp -Ln -- "$library" "$root$library"
    done < <(ldd "$1" | grep -oE '/[^ ]+\.so[^ ]*' || true)
}

copy_libraries_by_name() {
    local library
    library=$(/sbin/ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }')
    [[ $library ]] || fail "$1 is not installed"
    mkdir -p -- "$root$(dirname -- "$library")"
    cp -L -- "$library" "$root$library"
    copy_libraries "$library"
}

# systemd, udev with the rules for TPMs, and no other unit than these need; the vault's own as docs/systemd has them.
copy_systemd() {
    local units=$root/lib/systemd/system file
    mkdir -p -- "$units/sysinit.target.wants" "$root/lib/udev/rules.d" "$root/etc/systemd/system"
    for file in /lib/systemd/systemd /bin/udevadm /bin/systemctl; do
        cp -- "$file" "$root$file"
        copy_libraries "$file"
    done
    ln -s /bin/udevadm "$root/lib/systemd/systemd-udevd"
    for file in 50-udev-default 60-tpm-udev 99-systemd; do
        cp -- "/lib/udev/rules.d/$file.rules" "$root/lib/udev/rules.d"
    done
    for file in sysinit basic local-fs swap sockets slices paths timers shutdown umount; do
        cp -- "/lib/systemd/system/$file.target" "$units"
    done
    for file in systemd-udevd.service systemd-udevd-{control,kernel}.socket systemd-udev-trigger.service; do
        cp -- "/lib/systemd/system/$file" "$units"
        ln -s "../$file" "$units/sysinit.target.wants"
    done
    cp -- "$top/docs/systemd/tenpin-vault."{service,socket} "$root/etc/systemd/system"
    printf '[Manager]\nDefaultStandardOutput=kmsg\n' >"$root/etc/systemd/system.conf"
    printf '%032d\n' 1 >"$root/etc/machine-id"
    cat >"$root/etc/systemd/system/default.target" <<'END'
[Unit]
Requires=story.service
END
    cat >"$root/etc/systemd/system/story.service" <<'END'
[Service]
Type=oneshot
ExecStart=/bin/busybox sh /init service
StandardOutput=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
END
}

# copy_modules NAME...: each with what it depends on, in the order of loading, named by /etc/modules. What is built into the
# kernel is left out.
copy_modules() {
    local module
    for module; do
        PATH=$PATH:/sbin modprobe -d "$kernel" -S "$release" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/modules"
    while read -r module; do
        cp -- "$module" "$root/lib/modules"
        basename -- "$module"
    done <"$work/modules" >"$root/etc/modules"
}
