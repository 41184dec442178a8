# shellcheck shell=bash
# `./swtpm-setup fuzz`, sourced by it: builds the fuzzers of Tests/FuzzTests/Bodies under libFuzzer and the address
# sanitizer, and runs them. What they learn and find is kept below .swtpm/fuzz.

readonly fuzzers=(framing message recipe structure certificate header stream state knownVaults receipt)

# fuzz [--runs N] [--seconds N] [TARGET...]: all of them one after the other, unless some are named.
fuzz() {
    local runs=10000000 seconds=1800 chosen=() name
    while (($#)); do
        case $1 in
            --runs | --seconds)
                [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || misuse "$1 needs a number"
                if [[ $1 == --runs ]]; then runs=$2; else seconds=$2; fi
                shift 2
                ;;
            -*) misuse "unknown argument: $1" ;;
            *)
                [[ " ${fuzzers[*]} " == *" $1 "* ]] || misuse "no fuzzer $1; there are: ${fuzzers[*]}"
                chosen+=("$1")
                shift
                ;;
        esac
    done
    ((${#chosen[@]})) || chosen=("${fuzzers[@]}")

    set_up
    build_parts
    local failed=()
    for name in "${chosen[@]}"; do
        link_fuzzer "$name"
        run_fuzzer "$name" "$runs" "$seconds" || failed+=("$name")
    done
    ((${#failed[@]} == 0)) || fail "found something: ${failed[*]}; the inputs are in $top/.swtpm/fuzz/TARGET/found"
}

readonly fuzz_flags=(-sanitize=fuzzer,address -enforce-exclusivity=checked -assert-config Debug)

# One archive of the modules that take bytes from outside, instrumented; about 7 minutes the first time.
build_parts() {
    local flags=(-Xcc -fsanitize=address -Xcc -fno-omit-frame-pointer -Xswiftc -enable-testing) flag
    for flag in "${fuzz_flags[@]}"; do flags+=(-Xswiftc "$flag"); done
    TENPIN_FUZZ=1 build -c release --scratch-path "$top/.build-fuzz" --product Fuzzed "${flags[@]}" >&2 ||
        fail "the build of the instrumented modules failed"
}

# link_fuzzer TARGET: one program from the body and the modules that it uses.
link_fuzzer() {
    local name=$1 type=${1^}Fuzz work=$top/.swtpm/fuzz/$1 parts=$top/.build-fuzz/release sources=() module flags=()
    mkdir -p -- "$work/corpus" "$work/found" "$work/seeds"
    printf 'typealias Chosen = %s\n' "$type" >"$work/Chosen.swift"
    # Bodies share a few helpers; the rest of each program is only what its own body needs.
    sources=("$top/Tests/Fuzz/Entry.swift" "$work/Chosen.swift" "$top/Tests/FuzzTests/Bodies/"{FuzzBody,"$type"}.swift)
    case $name in
        message | state | receipt) sources+=("$top/Tests/FuzzTests/Bodies/RecipeFuzz.swift") ;;
        header | stream) sources+=("$top/Tests/FuzzTests/Bodies/BackupInput.swift") ;;
    esac
    for module in "$top"/Sources/C*/module.modulemap; do flags+=(-Xcc "-fmodule-map-file=$module"); done
    for module in "$parts"/*.build/module.modulemap; do flags+=(-Xcc "-fmodule-map-file=$module"); done
    for module in "$top"/.build-fuzz/checkouts/*/Sources/*/include; do flags+=(-I "$module"); done
    swiftc -O "${fuzz_flags[@]}" -swift-version 6 -parse-as-library -module-name Fuzzer \
        -I "$parts/Modules" "${flags[@]}" "${sources[@]}" "$parts/libFuzzed.a" \
        -lsodium -lcrypto -larchive -lstdc++ -o "$work/fuzzer" 2> >(grep -v 'Cannot export local symbol' >&2) ||
        fail "the fuzzer $name could not be linked"
}

# run_fuzzer TARGET RUNS SECONDS: what it says goes to a log; the last lines are shown.
run_fuzzer() {
    local name=$1 work=$top/.swtpm/fuzz/$1 code=0 largest known=()
    [[ ! -d $top/Tests/FuzzTests/Regressions/$name ]] || known=("$top/Tests/FuzzTests/Regressions/$name")
    largest=$(sed -nE 's/.*static let largest = ([0-9]+).*/\1/p' "$top/Tests/FuzzTests/Bodies/${name^}Fuzz.swift")
    say "$name: up to $2 inputs or $3 s"
    # A crash says enough by its input and its stack; Swift's own report would take half a minute. Freed memory is held back
    # by the sanitizer only a little, so that growth is the product's.
    SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=16 \
        LSAN_OPTIONS=suppressions=$top/Tests/Fuzz/leaks.supp:print_suppressions=0 TENPIN_FUZZ_SEEDS=$work/seeds \
        "$work/fuzzer" -runs="$2" -max_total_time="$3" -max_len="$largest" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$work/found/" "$work/corpus" "$work/seeds" \
        "${known[@]}" >"$work/log" 2>&1 || code=$?
    sed -nE "s/^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb): */$name \1 /p" "$work/log" >&2
    if ((code)); then grep -E 'Fatal error|ERROR:|SUMMARY:|ALARM' "$work/log" | head -n 5 >&2; fi
    return "$code"
}
