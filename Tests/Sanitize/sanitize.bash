# shellcheck shell=bash
# `./swtpm-setup sanitize`, sourced by it: the tests again, with everything built for a sanitizer. Each has a build
# folder of its own; its first build compiles every library anew, in 1,200 steps.

# What measures memory, or how long something takes, says nothing of the product there; filling chips takes too long.
readonly sanitize_skips=(MemoryTests CostTests CapacityTests AuditProgramTests/speed)

# sanitize [thread|address] [ARGUMENT...]: both, one after the other, unless one is named; arguments go to `swift test`.
sanitize() {
    local kinds=(thread address) kind
    if [[ ${1:-} == thread || ${1:-} == address ]]; then
        kinds=("$1")
        shift
    fi
    set_up
    need_packages "${test_packages[@]}"
    mkdir -p -- "$top/.swtpm"
    make_python
    for kind in "${kinds[@]}"; do run_sanitized "$kind" "$@"; done
}

# Programs that tests start are built for the sanitizer too; what any process has to say goes to a file of its own.
run_sanitized() {
    local kind=$1 folder=$top/.swtpm/sanitize/$1 scratch=$top/.build-$1 code=0 name skips=() links=()
    shift
    for name in "${sanitize_skips[@]}"; do skips+=(--skip "$name"); done
    rm -rf -- "$folder"
    mkdir -p -- "$folder"
    SECONDS=0
    if [[ $kind == thread ]]; then
        clang -O1 -c "$top/Tests/Sanitize/mutex.c" -o "$top/.swtpm/sanitize/mutex.o"
        links=(-Xlinker "$top/.swtpm/sanitize/mutex.o")
    fi
    build --build-tests --sanitize="$kind" --scratch-path "$scratch" "${links[@]}" ||
        fail "the build for the $kind sanitizer failed"
    say "built for the $kind sanitizer after $SECONDS s"
    # Swift's runtime keeps what it never frees, so leaks are not looked for here; `fuzz` does. Freed memory is held back only a
    # little, for a test measures what the vault holds.
    TSS2_LOG=all+none SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16:log_path="$folder/report" \
        TSAN_OPTIONS=log_path="$folder/report" \
        swift test --skip-build --sanitize="$kind" --scratch-path "$scratch" \
        --experimental-maximum-parallelization-width 2 "${skips[@]}" "$@" 2>&1 | tee -- "$folder/log" || code=$?
    local reports=("$folder"/report.*)
    [[ ! -e ${reports[0]} ]] || fail "the $kind sanitizer found something: ${reports[*]}"
    grep -qE 'Test run with [1-9]' "$folder/log" || fail "no test ran"
    say "$kind: exit code $code, no report, $SECONDS s in all"
    ((code == 0)) || exit "$code"
}
