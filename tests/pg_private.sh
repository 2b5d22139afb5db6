#!/bin/sh
# A private PostgreSQL server for tests: a unix socket in DIR, no TCP, no password, its own data.
#   tests/pg_private.sh start DIR   prints the connection text for "postgres:" and returns when it answers
#   tests/pg_private.sh stop DIR    (add "immediate" to kill it as a power cut would)
#   tests/pg_private.sh kill DIR    kill -9 of every process of it, at once
#   tests/pg_private.sh restart DIR
#   tests/pg_private.sh remove DIR  stops it and removes what it made
# Run as root, the server runs as another user; where that user cannot reach DIR (a folder below /root),
# data and socket lie in a folder of its own under /tmp that DIR/place names.
# Exit 77: the distribution's PostgreSQL is not installed.
set -eu
usage="usage: pg_private.sh start|stop|kill|restart|remove DIR [fast|immediate]"
what=${1:?$usage}; dir=${2:?$usage}; mode=${3:-fast}
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] && [ -x "$bin/initdb" ] || { echo "PostgreSQL's server package is not installed" >&2; exit 77; }

# The server refuses to run as root.
as() {
    if [ "$(id -u)" != 0 ]; then "$@"
    elif id postgres >/dev/null 2>&1; then runuser -u postgres -- "$@"
    else runuser -u nobody -- "$@"
    fi
}
owner=$(id -un postgres 2>/dev/null || echo nobody)

# Sets dir to where the server's files are.
place() {
    dir=$(cd "$dir" && pwd)
    if [ -f "$dir/place" ]; then dir=$(cat "$dir/place"); fi
}

start() {
    mkdir -p "$dir"
    asked=$dir
    place
    [ "$(id -u)" != 0 ] || chown "$owner" "$dir"
    if ! as test -w "$dir"; then
        dir=$(mktemp -d /tmp/innsyn-pg-XXXXXX)
        chown "$owner" "$dir"
        echo "$dir" >"$asked/place"
    fi
    if [ ! -d "$dir/data" ]; then
        (cd "$dir" && as "$bin/initdb" -D "$dir/data" -A trust -U innsyn -E UTF8 --locale=C >"$dir/initdb.log" 2>&1) ||
            { cat "$dir/initdb.log" >&2; exit 1; }
    fi
    (cd "$dir" && as "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 \
        -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=20" start >/dev/null 2>&1 </dev/null) ||
        { cat "$dir/server.log" >&2; exit 1; }
    [ -f "$dir/created" ] || { as "$bin/createdb" -h "$dir" -U innsyn innsyn && as touch "$dir/created"; }
    echo "host=$dir user=innsyn dbname=innsyn"
}
stop() {
    place
    (cd "$dir" && as "$bin/pg_ctl" -D "$dir/data" -m "$mode" -w -t 60 stop >/dev/null 2>&1) || true
}
# The postmaster is stopped first, so that it neither reaps nor replaces those that die before it.
killed() {
    place
    [ -f "$dir/data/postmaster.pid" ] || return 0
    master=$(head -1 "$dir/data/postmaster.pid")
    kill -STOP "$master" 2>/dev/null || return 0
    children=$(cat "/proc/$master/task/$master/children" 2>/dev/null || ps -o pid= --ppid "$master" || true)
    kill -9 $children $master 2>/dev/null || true
    for pid in $master $children; do
        tries=0
        while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
            sleep 0.05; tries=$((tries + 1))
        done
    done
    # Where nobody reaps orphans the dead postmaster's number stays taken, and the next would not start.
    rm -f "$dir/data/postmaster.pid" "$dir"/.s.PGSQL.*.lock
}
case $what in
    start) start ;;
    stop) stop ;;
    kill) killed ;;
    restart) asked=$dir; stop; dir=$asked; start ;;
    remove) asked=$dir; mode=immediate; stop; rm -rf "$dir" "$asked" ;;
    *) echo "$usage" >&2; exit 2 ;;
esac
