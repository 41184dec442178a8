# shellcheck shell=bash
# The story of `./swtpm-setup demo --fleet`, with the means of demo.bash: three sites, of which one is destroyed and one lies.

sites=(bergen lisbon trieste)
# Global, though this file is sourced in a function: the last of them is needed when that has returned.
declare -gA place=() chip=() server=()

play_fleet() {
    need_packages python3
    prepare
    trap leave_fleet EXIT
    found_the_sites
    lose_one
    meet_a_liar
    guess_at_all_of_them
    printf '\n%sEverything held%s (%s s). docs/fleet.md tells what each number means.\n' "$green" "$plain" "$SECONDS"
}

leave_fleet() {
    local code=$? site
    trap - EXIT
    for site in "${!server[@]}"; do
        kill -TERM "${server[$site]}" 2>/dev/null || true
        wait "${server[$site]}" 2>/dev/null || true
    done
    for site in "${!place[@]}"; do
        use_chip_of "$site"
        if [[ -d $dir ]]; then end_chip TERM; fi
    done
    # Not before the chips have ended: their folders say which processes they are.
    if ((code == 0)); then
        rm -rf -- "$work"
    else
        printf '%sthe demo did not succeed%s; everything it made is in %s\n' "$red" "$plain" "$work" >&2
    fi
    exit "$code"
}

# The functions of swtpm-setup are about the chip in $dir, which $at names.
use_chip_of() { dir=$work/$1.chip at=${place[$1]}; }

# serve_site SITE COMMAND...: runs what serves SITE.sock, and waits until it does.
serve_site() {
    local site=$1 tries
    "${@:2}" </dev/null >"log/$site.out" 2>"log/$site.err" &
    server[$site]=$!
    for ((tries = 0; tries < 600; tries++)); do
        if grep -qs ready "log/$site.err" && [[ -S $site.sock ]]; then return; fi
        [[ -d /proc/${server[$site]} ]] || break
        sleep 0.05
    done
    cat "log/$site.err" >&2
    broken "nothing serves $site"
}

end_site() {
    kill -TERM "${server[$1]}"
    wait "${server[$1]}" || true
    unset "server[$1]"
}

# at_fleet CODE COMMAND HOME ACCOUNT PASSWORD-FILE SITE... [-- ARGUMENT...]
at_fleet() {
    local code=$1 command=$2 device=$3 account=$4 password=$5 vaults=() more=()
    shift 5
    while (($#)) && [[ $1 != -- ]]; do vaults+=(--vault "unix:$1.sock"); shift; done
    if (($#)); then more=("${@:2}"); fi
    expect "$code" tenpin "$command" "${vaults[@]}" --home "$device" --account "$account" \
        --password-file "$password" --trust-root roots.pem --allow-emulated --accept-new-vault "${more[@]}"
}

found_the_sites() {
    local site
    chapter "Three sites, each with a chip of its own"
    for site in "${sites[@]}"; do
        dir=$work/$site.chip
        lock_folder
        name_folder
        place[$site]=$at
        make_chip
        run_chip
        chip[$site]=$(tcti)
        cat -- "$dir/trust-root.pem" >>roots.pem
        expect 0 tenpin-vault provision --tcti "${chip[$site]}" --home "$site" --allow-emulated --skip-capacity
        serve_site "$site" tenpin-vault serve --home "$site" --socket "$site.sock"
        proved "a vault serves in $site" "it knows nothing of the others"
    done

    printf 'correct horse battery staple' >alice.password
    at_fleet 0 enroll phone alice alice.password "${sites[@]}" -- --threshold 2 --even-if-one-chip-is-broken
    says 'any 2 of the 3'
    sed 's/^/      | /' "$log.out"
    proved "alice enrolled at all three" "each chip holds one share; nobody holds the key"
    make_tree originals
    expect 0 tenpin backup originals --output cloud.tenpin --home phone --account alice
    cp -a originals witness
    rm -rf -- phone originals
    proved "backed up $(du -sh witness | cut -f 1), and lost the phone" "there is the backup file and a password"
}

lose_one() {
    chapter "Bergen burns down"
    end_site bergen
    use_chip_of bergen
    end_chip KILL
    rm -rf -- "$dir" bergen
    at_fleet 0 recover tablet alice alice.password "${sites[@]}" -- --backup cloud.tenpin
    says 'bergen.sock was of no use'
    expect 0 tenpin restore cloud.tenpin --into restored --home tablet --account alice
    expect 0 diff -r --no-dereference witness restored
    proved "the photos came back from lisbon and trieste" "byte for byte"
    at_fleet 10 recover thief alice <(printf 'a wrong password') lisbon trieste
    says 'unless one of the vaults lies'
    proved "a wrong password with no vault to spare" "it is said that this is not certain"

    # A new vault takes the lost one's place.
    dir=$work/bergen.chip
    lock_folder
    name_folder
    make_chip
    run_chip
    chip[bergen]=$(tcti)
    cat -- "$dir/trust-root.pem" >>roots.pem
    expect 0 tenpin-vault provision --tcti "${chip[bergen]}" --home bergen --allow-emulated --skip-capacity
    serve_site bergen tenpin-vault serve --home bergen --socket "bergen.sock"
    printf 'a new password' >alice.password
    expect 0 tenpin change-password --vault unix:bergen.sock --vault unix:lisbon.sock --vault unix:trieste.sock \
        --home tablet --account alice --new-password-file alice.password --trust-root roots.pem --allow-emulated \
        --accept-new-vault --threshold 2 --even-if-one-chip-is-broken
    says '1 vault has not proven'
    proved "alice changed her password, with a new chip in bergen" "the burnt-down one's slot is named: one share, worth nothing"
}

meet_a_liar() {
    chapter "Lisbon lies"
    end_site lisbon
    serve_site lisbon.honest tenpin-vault serve --home lisbon --socket lisbon.honest.sock
    serve_site lisbon python3 "$top/Tests/Demo/liar.py" lisbon.sock lisbon.honest.sock
    at_fleet 0 recover laptop alice alice.password "${sites[@]}"
    says 'lisbon.sock was of no use: the vault answered falsely'
    proved "the right password, and one false answer among three" "the key is there, and lisbon is named"
    at_fleet 13 recover thief alice <(printf 'a wrong password') "${sites[@]}"
    says 'was not judged'
    proved "a wrong password, and one false answer" "nobody is told that the password is wrong: it was not judged"
    end_site lisbon
    end_site lisbon.honest
    serve_site lisbon tenpin-vault serve --home lisbon --socket lisbon.sock
}

# Each guess at the two vaults with most left; the thief holds all three hosts, and can do no better.
guess_at_all_of_them() {
    chapter "Thirty guesses, spread cleverly over all three"
    printf 'a password that only Bob knows' >bob.password
    at_fleet 0 enroll desk bob bob.password "${sites[@]}" -- --threshold 2 --even-if-one-chip-is-broken
    local -A left=([bergen]=5 [lisbon]=5 [trieste]=5)
    local guess guesses=0 chosen site
    for ((guess = 1; guess <= 30; guess++)); do
        mapfile -t chosen < <(for site in "${sites[@]}"; do echo "${left[$site]} $site"; done |
            sort -rn | head -n 2 | cut -d ' ' -f 2)
        printf 'guess number %d' "$guess" >guess.password
        local code=0
        tenpin recover --vault "unix:${chosen[0]}.sock" --vault "unix:${chosen[1]}.sock" --home thief --account bob \
            --password-file guess.password --trust-root roots.pem --allow-emulated --accept-new-vault \
            >log/guess.out 2>log/guess.err </dev/null || code=$?
        if ((code == 10)); then
            guesses=$((guesses + 1))
            for site in "${chosen[@]}"; do left[$site]=$((left[$site] - 1)); done
        elif ((code != 11 && code != 12)); then
            cat log/guess.err >&2
            broken "guess $guess ended with exit code $code"
        fi
    done
    ((guesses == 3 * 5 / 2)) || broken "$guesses guesses, and not 7"
    proved "thirty tries were $guesses guesses" "3 vaults with 5 each, 2 for every guess: 15 / 2"

    for site in "${sites[@]}"; do
        end_site "$site"
        use_chip_of "$site"
        export TPM2TOOLS_TCTI=${chip[$site]}
        expect 0 tenpin-vault status --home "$site" --json
        local slot
        slot=$(read_slot bob "$log.out")
        ((${slot% *} <= 6 && ${slot#* } == 6)) || broken "the chip in $site says \"$slot\""
        proved "tpm2_nvread in $site: ${slot% *} of ${slot#* }" "no chip evaluated more often than its ceiling"
    done
}
