# shellcheck shell=bash
# The story that `./swtpm-setup demo` plays, sourced by it. Every step checks for itself what the programs say:
# exit codes, trees of files, and the chip's own counts, read with tpm2-tools.

play() {
    prepare
    trap leave EXIT
    set_the_scene
    get_a_backup_back
    guess_at_a_password
    ask_the_chip
    tell_how_to_go_on
}

# Builds the programs, and makes the folder where everything happens.
prepare() {
    SECONDS=0
    set_up
    local product
    for product in tenpin tenpin-vault; do
        build -c release --product "$product" >&2 || fail "the build of $product failed"
    done
    PATH=$(swift build -c release --show-bin-path):$PATH

    mkdir -p -- "$top/.swtpm"
    work=$(mktemp -d "$top/.swtpm/demo.XXXXXX")
    cd -- "$work"
    mkdir log
    vault='' name=''
    unset "${!TENPIN_@}"
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# --- how a step is made

if [[ -t 1 && ! ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' green='' red='' plain=''
fi
step=0

chapter() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

# proved WHAT MEANING: one line for what was done, one for what it proves.
proved() { printf '  %s✓%s %s\n      %s\n' "$green" "$plain" "$1" "$2"; }

broken() {
    printf '  %s✗ %s%s\n' "$red" "$*" "$plain" >&2
    exit 1
}

# expect CODE COMMAND...: runs a command that must end with CODE; `says` looks at what it printed.
expect() {
    local wanted=$1 code=0
    shift
    printf -v log 'log/%02d-%s' "$((++step))" "$(basename -- "$1")"
    printf '%q ' "$@" >"$log.command"
    "$@" </dev/null >"$log.out" 2>"$log.err" || code=$?
    ((code == wanted)) && return
    cat -- "$log.out" "$log.err" >&2
    broken "exit code $code instead of $wanted (see $work/$log.*): $*"
}

says() { grep -Eqi -- "$1" "$log.out" "$log.err" || broken "\"$1\" is not in the answer: $work/$log.*"; }

guesses_left() { grep -Ehim 1 'guess(es)? left' "$log.out" "$log.err"; }

# Ends what this demo began, and nothing else; its folder stays.
leave() {
    local code=$?
    trap - EXIT
    if [[ $vault ]]; then
        kill -TERM "$vault" 2>/dev/null || true
        wait "$vault" || true
    fi
    if [[ $at ]]; then
        end_chip TERM
        forget_alias
    fi
    ((code == 0)) || printf '%sthe demo did not succeed%s; everything it made is in %s\n' "$red" "$plain" "$work" >&2
    exit "$code"
}

serve() {
    tenpin-vault serve --home vault --socket vault.sock </dev/null >log/serve.out 2>log/serve.err &
    vault=$!
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        if grep -qs ready log/serve.err && [[ -S vault.sock ]]; then return; fi
        [[ -d /proc/$vault ]] || break
        sleep 0.05
    done
    cat log/serve.err >&2
    broken "the vault does not serve"
}

stop_serving() {
    local code=0
    kill -TERM "$vault"
    wait "$vault" || code=$?
    vault=
    ((code == 0)) || broken "the vault ended with exit code $code: $work/log/serve.err"
    [[ ! -e vault.sock ]] || broken "the vault left its socket behind"
}

# at_vault CODE COMMAND HOME ACCOUNT PASSWORD-FILE [ARGUMENT...]
at_vault() {
    expect "$1" tenpin "$2" --vault unix:vault.sock --home "$3" --account "$4" --password-file "$5" \
        --trust-root "$at/trust-root.pem" "${@:6}"
}

# --- the story

set_the_scene() {
    chapter "A vault on an emulated TPM"
    dir=$work/chip
    lock_folder
    name_folder
    make_chip
    run_chip
    export TPM2TOOLS_TCTI
    TPM2TOOLS_TCTI=$(tcti)
    expect 0 tpm2_nvread 0x1c00016 -o endorsement.der
    openssl x509 -inform DER -in endorsement.der -out endorsement.pem
    expect 0 openssl verify -ignore_critical -CAfile "$at/trust-root.pem" endorsement.pem
    proved "made a TPM and a local authority that certified its endorsement key" \
        "the certificate in the chip chains to trust-root.pem (openssl)"

    expect 0 tenpin-vault provision --tcti "$TPM2TOOLS_TCTI" --home vault --allow-emulated
    [[ -s vault/vault.json && -s vault/vault.sqlite ]] || broken "provisioning wrote no vault"
    proved "provisioned a vault on it" "this chip can do what a vault needs"
    sed 's/^/      | /' "$log.out"
    name=$(awk '/^Endorsement Name/ { print $3 }' "$log.out")

    serve
    [[ $(stat -c %a vault.sock) == 6?0 ]] || broken "others can reach the vault's socket"
    proved "serving on a Unix socket (process $vault)" "only its owner and group can connect"
}

get_a_backup_back() {
    chapter "Alice loses every device and gets her backup back"
    printf 'correct horse battery staple' >alice.password
    at_vault 13 enroll phone alice alice.password
    says emulated
    proved "a device refuses this vault as long as nobody says --allow-emulated" \
        "nobody takes an emulated chip for a real one by mistake"

    at_vault 13 enroll phone alice alice.password --allow-emulated
    says 'not pinned'
    expect 0 tenpin trust add "$name" --vault unix:vault.sock --home phone
    proved "it refuses a vault it does not know; now it is pinned" "an impostor in its place would be noticed, as with ssh"

    at_vault 0 enroll phone alice alice.password --allow-emulated
    proved "enrolled alice, 10 guesses" "the backup key is in the chip, behind her password"

    make_tree originals
    cp -a originals witness
    inventory originals >before
    expect 0 tenpin backup originals --output cloud.tenpin --home phone --account alice
    ! grep -qaF 'a sentence nobody else may read' cloud.tenpin || broken "the backup holds readable text"
    proved "backed up $(wc -l <before) names, $(du -sh originals | cut -f 1)" "the backup file is not readable"

    rm -rf -- phone originals
    [[ ! -e phone && ! -e originals ]] || broken "phone and originals are still there"
    proved "deleted the phone's state and the originals" "from here on there is the backup file and a password"
    if tenpin restore cloud.tenpin --into nothing --home new-phone --account alice </dev/null >log/keyless 2>&1; then
        broken "the backup could be restored without its key"
    fi
    [[ ! -e nothing || -z $(ls -A nothing) ]] || broken "something was restored without the key"
    proved "a new phone cannot restore it" "the backup file alone gives nothing"

    at_vault 0 recover new-phone alice alice.password --allow-emulated --accept-new-vault
    proved "recovered the backup key with the password" "the chip's OPRF and this password gave it back"
    expect 0 tenpin restore cloud.tenpin --into restored --home new-phone --account alice
    expect 0 diff -r --no-dereference witness restored
    inventory restored >after
    expect 0 diff before after
    proved "restored and compared" "every byte, mode, time and symbolic link is as it was"
}

guess_at_a_password() {
    chapter "Somebody guesses at Bob's password"
    printf 'a password that only Bob knows' >bob.password
    at_vault 0 enroll laptop bob bob.password --allow-emulated --accept-new-vault
    proved "enrolled bob, 10 guesses" "his own slot in the chip, with his own count"
    rm -rf -- laptop

    local guess left
    for ((guess = 1; guess <= 10; guess++)); do
        left=$((10 - guess))
        ((left)) || left='(0|no)'
        printf 'guess number %d' "$guess" >wrong.password
        at_vault 10 recover thief bob wrong.password --allow-emulated --accept-new-vault
        says "\\b$left guess(es)? left"
        proved "wrong password $guess" "$(guesses_left)"
    done
    printf 'guess number 11' >wrong.password
    at_vault 11 recover thief bob wrong.password --allow-emulated --accept-new-vault
    proved "wrong password 11" "locked out, exit code 11"
    at_vault 11 recover laptop bob bob.password --allow-emulated --accept-new-vault
    proved "the right password" "locked out too: it is the count that decides, not the password"
    at_vault 0 recover tablet alice alice.password --allow-emulated --accept-new-vault
    proved "alice recovers again" "her account is untouched by bob's"
}

# The count is the chip's: this reads it with tpm2-tools while no vault runs.
ask_the_chip() {
    chapter "What the chip itself says"
    stop_serving
    proved "stopped the vault with SIGTERM" "it ended cleanly, exit code 0"
    expect 0 tenpin-vault status --home vault --json
    local status=$log.out alice bob
    proved "the vault's own account of it" "$(jq -c '[.accounts[] | {account, count, ceiling}]' "$status")"

    alice=$(read_slot alice "$status")
    bob=$(read_slot bob "$status")
    # 1 evaluation when enrolling, given back; then alice's 2 recoveries, given back; bob's 10 wrong guesses, not.
    [[ $alice == "3 13" ]] || broken "the chip says \"$alice\" about alice's slot, not 3 of 13"
    [[ $bob == "11 11" ]] || broken "the chip says \"$bob\" about bob's slot, not 11 of 11"
    [[ $(jq -c '[.accounts[] | {(.account): [.count, .ceiling]}] | add' "$status") == \
        '{"alice":[3,13],"bob":[11,11]}' ]] || broken "the vault says something else than the chip: $work/$status"
    proved "tpm2_nvread: alice has used 3 of 13, bob 11 of 11" \
        "each enrolled with one evaluation that was given back; every recovery of alice's too; bob has none left"

    local slot
    slot=$(slot_of bob "$status")
    if tpm2_nvread "$slot" -C "$slot" -s 8 >log/spend.out 2>log/spend.err; then
        broken "the chip let bob's slot be used once more"
    fi
    grep -qi '0x12F' log/spend.err || broken "the chip refused, but not because the guesses are used up: log/spend.err"
    proved "using bob's slot with tpm2-tools, past the vault" "the chip refuses with TPM_RC_AUTH_UNAVAILABLE (0x12F)"
    head -c 8 /dev/zero >log/zeros
    if tpm2_nvwrite "$slot" -C o -i log/zeros >log/reset.out 2>log/reset.err; then
        broken "the chip's owner could write bob's slot"
    fi
    grep -qi '0x149' log/reset.err || broken "the chip refused, but not because this is not allowed: log/reset.err"
    proved "the chip's owner tries to set the count back" "the chip refuses: only bob's own key writes his slot"

    end_chip KILL
    run_chip
    [[ $(read_slot bob "$status") == "$bob" && $(read_slot alice "$status") == "$alice" ]] ||
        broken "the counts changed with a power cut"
    serve
    at_vault 11 recover laptop bob bob.password --allow-emulated --accept-new-vault
    stop_serving
    proved "power cut, chip and vault started again" "the same counts, and bob's right password is still refused"
}

tell_how_to_go_on() {
    local setup here bin
    printf -v setup %q "$top/swtpm-setup"
    printf -v here %q "$work"
    printf -v bin %q "$(swift build --package-path "$top" -c release --show-bin-path)"
    cat <<END

${green}Everything held${plain} ($SECONDS s). On this emulated chip whoever has its files can turn the count back;
a real chip does not let anyone. To go on by hand, with what the demo made:

  cd $here
  $setup start --dir chip && eval "\$($setup env --dir chip)"
  export PATH=$bin:\$PATH
  export TENPIN_VAULT=unix:vault.sock TENPIN_ACCOUNT=alice TENPIN_HOME=new-phone
  tenpin-vault serve --home vault --socket vault.sock &
  tenpin status --allow-emulated
  kill %1; $setup stop --dir chip
  rm -r $here
END
}

# --- what the steps look with

# A directory with what directories have: this checkout's sources, large and empty files, links, odd names, modes, times.
make_tree() {
    mkdir -p -- "$1/empty folder" "$1/private"
    cp -a -- "$top/Sources" "$top/Package.swift" "$1"
    head -c 5000000 /dev/urandom >"$1/photo.raw"
    printf 'a sentence nobody else may read\n' >"$1/private/diary"
    : >"$1/empty"
    printf 'Grüße\n' >"$1/Ünïcode näme"$'\n''on two lines'
    ln -s private/diary "$1/link"
    ln -s /nowhere/at/all "$1/dangling link"
    chmod 0600 "$1/private/diary"
    chmod 0755 "$1/photo.raw"
    chmod 0444 "$1/empty"
    touch -d '1999-12-31 23:59:59.25 UTC' "$1/private/diary"
    chmod 0500 "$1/private"
    touch -d '2001-02-03 04:05:06 UTC' "$1/private" "$1/empty folder"
}

# inventory FOLDER: one line a name, with type, mode, time, length and where a link leads.
inventory() {
    local dated='%P|%y|%m|%T@'
    (cd -- "$1" && find . -mindepth 1 \( -type f -printf "$dated|%s\0" -o -printf "$dated|%l\0" \)) |
        tr '\n\0' ' \n' | LC_ALL=C sort
}

slot_of() { jq -er --arg account "$1" '.accounts[] | select(.account == $account) | .slot' "$2"; }

# read_slot ACCOUNT STATUS: prints "count ceiling" from the chip. This reads through the slot's policy for NV_Read, which
# spends nothing; the chip itself checks the branches that STATUS names.
read_slot() {
    local slot digest branches=()
    slot=$(slot_of "$1" "$2")
    while read -r digest; do
        # shellcheck disable=SC2059  # the digest is the format: \xHH for each byte
        printf "$(sed 's/../\\x&/g' <<<"$digest")" >"log/branch.${#branches[@]}"
        branches+=("log/branch.${#branches[@]}")
    done < <(jq -er --arg account "$1" '.accounts[] | select(.account == $account) | .branches[]' "$2")
    {
        tpm2_startauthsession --policy-session -S log/session
        tpm2_policycommandcode -S log/session TPM2_CC_NV_Read
        tpm2_policyor -S log/session "sha256:$(IFS=,; printf %s "${branches[*]}")"
        tpm2_nvread "$slot" -C "$slot" -P session:log/session -s 8 -o log/slot
        tpm2_flushcontext log/session
    } >log/read.out 2>&1 || broken "the chip does not let $slot be read: $work/log/read.out"
    od -An -tu4 --endian=big log/slot | awk '{ print $1, $2 }'
}
