# shellcheck shell=bash
# What `./swtpm-setup test --qemu` does, sourced by it: boots a Debian kernel whose TIS driver finds an emulated TPM, so that
# /dev/tpm0, /dev/tpmrm0 and the kernel's resource manager are real, and has `guest.sh` play a vault's story in there.

# shellcheck source=Tests/QEMU/image.bash
source "$top/Tests/QEMU/image.bash"

readonly guest_packages=(qemu-system-x86 busybox-static cpio kmod systemd udev e2fsprogs binutils perl-base libtss2-tcti-device0)
# A line of the guest's comes at least this often, in seconds. QEMU emulates the processor too: KVM is not everywhere, and
# nothing here is in a hurry.
readonly guest_patience=900

test_in_guest() {
    SECONDS=0
    need_packages "${guest_packages[@]}"
    set_up
    local product
    for product in tenpin tenpin-vault; do
        build --product "$product" >&2 || fail "the build of $product failed"
    done
    bin=$(swift build --show-bin-path)

    mkdir -p -- "$top/.swtpm"
    work=$(mktemp -d "$top/.swtpm/guest.XXXXXX")
    machine='' emulator=''
    trap leave_guest EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    dir=$work/chip
    lock_folder
    name_folder
    make_chip
    make_images "$work/initramfs" "$work/disk"
    say "the images are made after $SECONDS s"

    # The guest's first boot ends with a reboot that the guest asks for, its second with a power cut, its third with a reboot
    # into systemd.
    boot
    hear 'tenpin: cut the power' || fail "the guest did not come to the power cut; what it said is in $work/serial"
    cut_power
    boot
    hear 'tenpin: all of it held' || fail "the guest did not come to its end; what it said is in $work/serial"
    wait "$machine" || fail "QEMU ended with exit code $?"
    machine=
    say "all of it held in the guest, $SECONDS s in all"
    rm -rf -- "$work"
}

# Ends what this began, and nothing else. The folder stays when something went wrong.
leave_guest() {
    local code=$?
    trap - EXIT
    cut_power
    if [[ $at ]]; then forget_alias; fi
    ((code == 0)) || say "the guest's folder is $work"
    exit "$code"
}

# A machine with this chip, this disk and nothing else; its serial line is the descriptor ${serial[0]}.
boot() {
    rm -f -- "$dir/guest.ctrl"
    swtpm socket --tpm2 --tpmstate "dir=$at/state" --ctrl "type=unixio,path=$at/guest.ctrl,mode=0600" \
        </dev/null >>"$work/swtpm.log" 2>&1 &
    emulator=$!
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        [[ ! -S $dir/guest.ctrl ]] || break
        sleep 0.05
    done
    coproc serial {
        exec qemu-system-x86_64 -nodefaults -no-user-config -display none -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
            -kernel "$kernel/vmlinuz" -initrd "$work/initramfs" -append 'console=ttyS0 quiet panic=-1 no_timer_check' \
            -chardev stdio,id=console,signal=off -serial chardev:console \
            -chardev "socket,id=chip,path=$at/guest.ctrl" -tpmdev emulator,id=tpm0,chardev=chip \
            -device tpm-tis,tpmdev=tpm0 \
            -drive "file=$work/disk,format=raw,if=virtio" -device virtio-rng-pci 2>"$work/qemu.log"
    }
    machine=$serial_PID
}

cut_power() {
    local process
    for process in $machine $emulator; do kill -KILL "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    machine='' emulator=''
}

# hear LINE: shows what the guest says until it says LINE. On the way the chip stops and goes on when the guest says so.
hear() {
    local line
    while IFS= read -r -t "$guest_patience" -u "${serial[0]}" line; do
        line=${line%$'\r'}
        printf '%s\n' "$line" >>"$work/serial"
        case $line in
            "$1") return ;;
            'tenpin: the chip stops') kill -STOP "$emulator" ;;
            'tenpin: the chip goes on') kill -CONT "$emulator" ;;
            'tenpin: broken: '* | *'Kernel panic'*) say "${line#tenpin: broken: }"; return 1 ;;
        esac
        printf '%s\n' "$line"
    done
    return 1
}
