# shellcheck shell=bash
# `./swtpm-setup bench backup`, sourced by it: backups and restores beside libsodium's bare stream and beside age.

# bench_backup [--size N] [--files N] [--rounds N]
bench_backup() {
    local work=$top/.swtpm/bench programs
    need_packages age python3
    set_up
    build -c release --static-swift-stdlib --product tenpin >&2 || fail "the build failed"
    programs=$(swift build -c release --static-swift-stdlib --show-bin-path)
    mkdir -p -- "$work"
    swiftc -O -swift-version 6 -Xcc "-fmodule-map-file=$top/Sources/CSodium/module.modulemap" \
        "$top/Tests/BackupBench/secretstream.swift" -lsodium -o "$work/secretstream" ||
        fail "the bare stream could not be built"
    PATH=$work:$programs:$PATH python3 -B "$top/Tests/BackupBench/backup.py" \
        --disk "$work" --json "$work/backup.json" "$@"
}
