# `./swtpm-setup adversary`, sourced by swtpm-setup: searches for a way past the limit for as long as one likes.

adversary() {
    local seed= minutes=20 code=0
    while (($#)); do
        case $1 in
            --seed) [[ ${2:-} =~ ^[0-9]+$ ]] || misuse "--seed needs a number"; seed=$2; shift 2 ;;
            --minutes) [[ ${2:-} =~ ^[0-9]+$ ]] || misuse "--minutes needs a number"; minutes=$2; shift 2 ;;
            *) misuse "unknown argument: $1" ;;
        esac
    done
    set_up
    build --build-tests || fail "the build failed"
    if [[ $seed ]]; then export TENPIN_ADVERSARY_SEED=$seed; fi
    TENPIN_ADVERSARY_MINUTES=$minutes TSS2_LOG=all+none \
        swift test --skip-build --filter '^AdversaryTests\.SearchTests' 2>&1 | grep -v '^Test Suite\|Executed 0 tests' || code=$?
    return "$code"
}
