# shellcheck shell=bash
# What `./swtpm-setup crowd` runs, sourced by it: the crowd of Tests/CrowdTests for as long as it is asked to stay, and a
# table of what it measured.

crowd() {
    local seconds=120 code=0 table=$top/.swtpm/crowd.md
    while (($#)); do
        case $1 in
            --seconds)
                [[ ${2:-} =~ ^[0-9]{1,5}$ ]] && ((10#$2 >= 10)) || misuse "--seconds needs a number from 10 on"
                seconds=$((10#$2))
                shift 2
                ;;
            *) misuse "unknown argument: $1" ;;
        esac
    done
    set_up
    mkdir -p -- "$top/.swtpm"
    rm -f -- "$table"
    build --build-tests >&2 || fail "the build failed"
    TSS2_LOG=all+none TENPIN_CROWD_SECONDS=$seconds TENPIN_CROWD_TABLE=$table \
        swift test --skip-build --no-parallel --filter '^CrowdTests\.' >"$top/.swtpm/crowd.log" 2>&1 || code=$?
    if [[ -s $table ]]; then cat -- "$table"; fi
    if ((code)); then grep -E '✘|↳' "$top/.swtpm/crowd.log" >&2 || true; fi
    [[ -s $table ]] || fail "the crowd did not come; see $top/.swtpm/crowd.log"
    return "$code"
}
