#!/bin/busybox sh
# The guest's first process. What it says goes to the serial line, where the host listens for the lines that begin with
# "tenpin: ". The disk remembers which boot this is.
# shellcheck disable=SC2015  # busybox's shell

export PATH=/bin TPM2TOOLS_TCTI=device:/dev/tpmrm0 TSS2_LOG=all+none
export TENPIN_VAULT=unix:/run/tenpin/vault.sock TENPIN_TRUST_ROOT=/etc/trust-root.pem
home=/disk/vault chip=device:/dev/tpmrm0 vault='' vault_user=tenpin

chapter() { printf '\n%s\n' "$*"; }
proved() { printf '  ok  %s\n' "$*"; }

broken() {
    tail -n 40 /tmp/out /tmp/err /tmp/serve 2>/dev/null
    dmesg | grep -i tpm | tail -n 20
    echo "tenpin: broken: $*"
    sleep 1
    poweroff -f
    sleep 60
}

# as USER COMMAND...: with the user's groups, as a service would run.
as() {
    user=$1
    shift
    quoted=
    for word; do quoted="$quoted '$word'"; done
    su "$user" -c "exec $quoted"
}

# expect CODE USER COMMAND...: what it printed stays in /tmp/out and /tmp/err.
expect() {
    wanted=$1 user=$2
    shift 2
    code=0
    as "$user" "$@" </dev/null >/tmp/out 2>/tmp/err || code=$?
    [ "$code" = "$wanted" ] || broken "exit code $code instead of $wanted: $*"
}

says() { grep -qEi -- "$1" /tmp/out /tmp/err || broken "\"$1\" is not in the answer"; }
show() { sed 's/^/      | /' "$@"; }

# person CODE COMMAND DEVICE ACCOUNT PASSWORD [OPTION...]
person() {
    printf %s "$5" >"/disk/devices/$4.password"
    chown person "/disk/devices/$4.password"
    wanted=$1 command=$2 device=$3 account=$4
    shift 5
    expect "$wanted" person tenpin "$command" --home "/disk/devices/$device" --account "$account" \
        --password-file "/disk/devices/$account.password" --allow-emulated --accept-new-vault "$@"
}

serve() {
    # Not through `as`, whose shell would be the process that is killed later.
    su "$vault_user" -c "exec tenpin-vault serve --home $home --tcti $chip --socket /run/tenpin/vault.sock \
        --group tenpin" </dev/null >/tmp/serve 2>&1 &
    vault=$!
    tries=0
    until grep -q '^ready' /tmp/serve; do
        [ -d "/proc/$vault" ] && [ $((tries += 1)) -lt 1200 ] || broken "the vault does not serve"
        sleep 0.1
    done
}

# end SIGNAL CODE: ends the vault.
end() {
    kill -s "$1" "$vault"
    code=0
    wait "$vault" || code=$?
    vault=
    [ "$code" = "$2" ] || broken "the vault ended with exit code $code instead of $2"
}

# The chip's own counts, which the vault reads while nobody serves: one line an account.
counts() {
    expect 0 "$vault_user" tenpin-vault status --home "$home"
    sed -n 's/.*  live  \([a-z]*\)  \(count .*\)/\1: \2/p' /tmp/out | sort
}

saved_sessions() {
    tpm2 getcap handles-saved-session >/tmp/sessions || broken "the chip does not list its sessions"
    grep -c 0x /tmp/sessions
}

first_boot() {
    chapter "The chip, as the guest's kernel sees it"
    echo "      | Linux $(uname -r), driver $(basename "$(readlink -f /sys/class/tpm/tpm0/device/driver)")," \
        "TPM $(cat /sys/class/tpm/tpm0/tpm_version_major)"
    ls -l /dev/tpm0 /dev/tpmrm0 | show
    mkdir -p /disk/devices "$home"
    chown tenpin:tenpin "$home"
    chown person:person /disk/devices

    chapter "A vault over /dev/tpmrm0, run by a user in group tss"
    cd /run/other || broken "no folder for the other program"
    expect 0 other tpm2 startauthsession --policy-session -S /run/other/session
    proved "another program keeps a session of its own on the chip"
    expect 0 tenpin tenpin-vault provision --tcti "$chip" --home "$home" --allow-emulated
    show /tmp/err /tmp/out
    proved "provisioned"
    serve
    expect 0 other tpm2 policycommandcode -S /run/other/session TPM2_CC_NV_Read
    proved "serving; the other program's session was left alone"

    chapter "Alice loses every device"
    person 0 enroll phone alice 'correct horse battery staple' --memory 64
    person 0 recover tablet alice 'correct horse battery staple'
    show /tmp/out
    proved "enrolled, and recovered on a new device"

    chapter "Twenty challenges at once, three sessions to an open file"
    as person perl /etc/hold.pl /run/tenpin/vault.sock alice 20 /tmp/go >/tmp/hold 2>&1 &
    holder=$!
    tries=0
    until grep -q '^holding' /tmp/hold; do
        [ -d "/proc/$holder" ] && [ $((tries += 1)) -lt 600 ] || { cat /tmp/hold; broken "no twenty challenges"; }
        sleep 0.1
    done
    proved "$(saved_sessions) sessions are saved on the chip, the other program's among them"
    for device in laptop watch; do
        (
            printf %s 'correct horse battery staple' >"/tmp/$device"
            chown person "/tmp/$device"
            as person tenpin recover --home "/disk/devices/$device" --account alice --password-file "/tmp/$device" \
                --allow-emulated --accept-new-vault </dev/null >"/tmp/$device.out" 2>&1
            echo $? >"/tmp/$device.code"
        ) &
        eval "$device=\$!"
    done
    wait "$laptop" "$watch"
    [ "$(cat /tmp/laptop.code) $(cat /tmp/watch.code)" = '0 0' ] ||
        { cat /tmp/laptop.out /tmp/watch.out; broken "two devices at once"; }
    proved "meanwhile two devices recovered at once"
    touch /tmp/go
    wait "$holder" || { cat /tmp/hold; broken "not every challenge was still there"; }
    proved "all twenty were still there: $(grep answers /tmp/hold)"

    chapter "A vault that is killed leaves nothing on the chip for long"
    rm /tmp/go
    as person perl /etc/hold.pl /run/tenpin/vault.sock alice 20 /tmp/go >/tmp/hold 2>&1 &
    tries=0
    until grep -q '^holding' /tmp/hold; do
        [ $((tries += 1)) -lt 600 ] || broken "no twenty challenges"
        sleep 0.1
    done
    end KILL 137
    left=$(saved_sessions)
    [ "$left" -ge 20 ] || broken "only $left sessions were on the chip"
    serve
    left=$(saved_sessions)
    [ "$left" = 1 ] || broken "$left sessions are on the chip, not the other program's alone"
    expect 0 other tpm2 policycommandcode -S /run/other/session TPM2_CC_NV_Read
    expect 0 other tpm2 flushcontext /run/other/session
    proved "killed with twenty sessions and started again: they are gone, the other program's is not"

    chapter "Somebody guesses at Bob's password"
    person 0 enroll desk bob 'only Bob knows' --limit 3 --memory 64
    for left in 2 1 '(0|no)'; do
        person 10 recover thief bob "wrong, $left left"
        says "\\b$left guess(es)? left"
        show /tmp/err
    done
    person 11 recover thief bob 'wrong once more'
    person 11 recover desk-two bob 'only Bob knows'
    show /tmp/err
    proved "three wrong guesses of three; then the right password is refused too"
    end TERM 0
    counts >/disk/counts
    show /disk/counts
    grep -qx 'bob: count 4, ceiling 4' /disk/counts || broken "bob's count is another"
}

second_boot() {
    chapter "After a reboot"
    counts >/tmp/counts
    cmp -s /tmp/counts /disk/counts || { cat /tmp/counts; broken "the counts are others"; }
    show /tmp/counts
    serve
    person 11 recover desk-three bob 'only Bob knows'
    person 0 recover tv alice 'correct horse battery staple'
    proved "the same counts; bob stays out, alice comes in"

    chapter "A power cut after a wrong guess"
    person 0 enroll pad carol 'only Carol knows' --memory 64
    person 10 recover thief carol 'wrong'
    says '\b9 guesses left'
    show /tmp/err
    # Nobody lives to see a file that is not on the disk yet; the chip's count does not wait for that.
    echo 'tenpin: cut the power'
    sleep 600
}

third_boot() {
    chapter "After the power cut"
    counts | tee /tmp/counts | show
    grep -qx 'carol: count 2, ceiling 11' /tmp/counts || broken "carol's count is another"
    grep -qx 'bob: count 4, ceiling 4' /tmp/counts || broken "bob's count is another"
    serve
    person 10 recover thief carol 'wrong again'
    says '\b8 guesses left'
    show /tmp/err
    proved "the guess stayed spent"
    end TERM 0

    chapter "A second vault over /dev/tpm0, without the kernel's resource manager"
    expect 69 tenpin tenpin-vault serve --home "$home" --tcti device:/dev/tpm0 --socket /run/tenpin/vault.sock
    show /tmp/err
    proved "a user in group tss may not open /dev/tpm0"
    vault_user=tss chip=device:/dev/tpm0 home=/disk/bare
    mkdir -p "$home"
    chown tss "$home" /run/tenpin
    expect 0 tss tenpin-vault provision --tcti "$chip" --home "$home" --skip-capacity --allow-emulated
    show /tmp/err /tmp/out
    vault_user=root
    chown -R root /run/tenpin "$home"
    serve
    person 0 enroll phone dave 'only Dave knows' --memory 64
    person 10 recover thief dave 'wrong'
    person 0 recover phone-two dave 'only Dave knows'
    proved "served by root: enrolled, a wrong guess, recovered"
    expect 69 tss tenpin-vault provision --tcti "$chip" --home /disk/other --allow-emulated
    show /tmp/err
    proved "whoever comes second to /dev/tpm0 is told"

    chapter "A chip that stops in the middle of a command"
    # Who polls a device waits for the command's end, or for the kernel's own limit of minutes, whatever time it gives.
    echo 'tenpin: the chip stops'
    sleep 2
    begun=$(date +%s)
    person 15 recover phone-three dave 'only Dave knows'
    took=$(($(date +%s) - begun))
    says chip
    show /tmp/err
    [ "$took" -ge 20 ] && [ "$took" -lt 90 ] || broken "the answer came after $took s"
    proved "the vault says so after $took s"
    echo 'tenpin: the chip goes on'
    tries=0
    until as person tenpin recover --home /disk/devices/phone-four --account dave --allow-emulated --accept-new-vault \
        --password-file /disk/devices/dave.password </dev/null >/tmp/out 2>/tmp/err; do
        [ $((tries += 1)) -lt 10 ] || broken "nobody recovers"
        sleep 5
    done
    proved "it serves again when the chip does"
    end TERM 0
    counts | show
    grep -q EMULATED /tmp/out || broken "status does not say that the chip is emulated"
}

# The last boot, under systemd, as docs/hardware.md says.
service() {
    /bin/busybox --install -s /bin
    chapter "A service, under systemd and udev"
    ls -l /dev/tpm0 /dev/tpmrm0 | show
    chmod 1777 /tmp
    mkdir -p /disk/devices
    chown person:person /disk/devices
    home=/var/lib/tenpin
    mkdir -m 0700 "$home"
    chown tenpin:tenpin "$home"
    expect 0 tenpin tenpin-vault provision --tcti "$chip" --home "$home" --skip-capacity --allow-emulated
    systemctl start tenpin-vault.socket || broken "no socket"
    ls -l /run/tenpin/vault.sock | show
    [ "$(systemctl is-active tenpin-vault.service)" = inactive ] || broken "the service runs before it is needed"
    person 0 enroll phone erin 'only Erin knows' --memory 64
    process=$(systemctl show -P MainPID tenpin-vault.service)
    grep -E '^(Uid|Groups|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$process/status" | show
    proved "the first connection started it; a device enrolled"
    person 10 recover thief erin 'wrong'
    systemctl kill -s KILL tenpin-vault.service
    person 0 recover tablet erin 'only Erin knows'
    show /tmp/out
    proved "killed, and started again: a device recovered"
    systemctl stop tenpin-vault.socket tenpin-vault.service
    [ "$(systemctl show -P Result tenpin-vault.service)" = success ] || broken "the service did not end well"

    tpm2 changeauth -c owner sesame || broken "the owner's authorization cannot be set"
    mkdir -m 0700 /etc/tenpin
    echo sesame >/etc/tenpin/owner-auth
    chmod 0600 /etc/tenpin/owner-auth
    systemctl start tenpin-vault.service || broken "the service is not ready"
    person 0 enroll desk frank 'only Frank knows' --memory 64
    proved "with the owner's authorization, which systemd reads for it: a device enrolled"
    systemctl stop tenpin-vault.socket tenpin-vault.service
    echo 'tenpin: all of it held'
    sync
    sleep 1
    poweroff -f
}

if [ "${1:-}" = service ]; then
    service
    broken "the service came to no end"
fi

/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
exec </dev/null >/dev/ttyS0 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/lib/modules/$module"; done </etc/modules
tries=0
until [ -b /dev/vda ] && [ -c /dev/tpmrm0 ]; do
    [ $((tries += 1)) -lt 100 ] || broken "no disk or no TPM"
    sleep 0.1
done
mount -t ext4 /dev/vda /disk || broken "the disk cannot be mounted"
# As udev does by the rules of Debian's tpm-udev.
chown tss:root /dev/tpm0
chown tss:tss /dev/tpmrm0
chmod 0660 /dev/tpm0 /dev/tpmrm0
chmod 1777 /tmp
mkdir -p -m 0750 /run/tenpin
chown tenpin:tenpin /run/tenpin
mkdir -p -m 0700 /run/other
chown other /run/other

boot=$(($(cat /disk/boot 2>/dev/null || echo 0) + 1))
echo "$boot" >/disk/boot
sync
case $boot in
    1) first_boot && sync && umount /disk && reboot -f ;;
    2) second_boot ;;
    3) third_boot && sync && umount /disk && reboot -f ;;
    4) exec switch_root /disk /lib/systemd/systemd ;;
esac
broken "boot number $boot came to no end"
