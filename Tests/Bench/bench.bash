# shellcheck shell=bash
# `./swtpm-setup bench vault`, sourced by it: builds the programs as they are released, and Tests/Bench beside them.

# bench_vault [--quick | --family NAME ...] [--rounds N] [--json FILE] [--check]
bench_vault() {
    local json=$top/.swtpm/bench/vault.json arguments=()
    while (($#)); do
        case $1 in
            --json) [[ ${2:-} ]] || misuse "--json needs a file"; json=$2; shift 2 ;;
            --rounds)
                [[ ${2:-} =~ ^[0-9]{1,3}$ ]] && ((10#$2 >= 1)) || misuse "--rounds needs a number from 1 on"
                arguments+=(--rounds "$((10#$2))")
                shift 2
                ;;
            --family)
                [[ ${2:-} =~ ^[a-z]+$ ]] || misuse "--family needs amd, intel, nuvoton or infineon"
                arguments+=(--family "$2")
                shift 2
                ;;
            --check|--quick) arguments+=("$1"); shift ;;
            *) misuse "unknown argument: $1" ;;
        esac
    done
    set_up
    mkdir -p -- "$top/.swtpm/bench"
    local program
    for program in tenpin-vault tenpin-bench; do
        build -c release --static-swift-stdlib --product "$program" >&2 || fail "the build failed"
    done
    TSS2_LOG=all+none "$top/.build/release/tenpin-bench" --json "$json" "${arguments[@]}"
    say "all values are in $json"
}
