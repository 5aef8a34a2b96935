#!/bin/bash
# A Docker Engine with its own compose and buildx, out of Debian's packages, in a root of its own: nothing is installed on
# the machine, all its state lies below FOLDER, and its mounts end with it. Needs root and mmdebstrap.
#   engine.sh start FOLDER | run FOLDER DIRECTORY COMMAND... | stop FOLDER    DIRECTORY as it is seen from within
set -euo pipefail
verb=$1 root=$(realpath -m "$2")
pidfile=$root/run/own/dockerd.pid
case $verb in
start)
    if [[ ! -x $root/usr/bin/dockerd && ! -x $root/usr/sbin/dockerd ]]; then
        mirror=$(grep -hoE '(https?|file)://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1 || true)
        # Old mirrors keep a sid whose date of validity has passed; signatures are checked all the same.
        mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
            --include=docker.io,docker-cli,docker-buildx,docker-compose,iptables,ca-certificates,procps,iproute2 \
            sid "$root" ${mirror:+"deb $mirror sid main"}
    fi
    # All engines of a machine share its tables.
    if chroot "$root" iptables-save | grep -q '^:DOCKER '; then
        echo "Another container engine runs on this machine, or one was not stopped in order: $0 stop FOLDER."
        exit 1
    fi
    mkdir -p "$root"/{old,etc/docker,run/own}
    rm -f "$pidfile" "$root/run/own/docker.sock"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # containerd's image store is what newer engines start with; STORE=false for the older one
    cat > "$root/etc/docker/daemon.json" <<J
{"features": {"containerd-snapshotter": ${STORE:-true}}, "bip": "172.27.0.1/24",
 "default-address-pools": [{"base": "172.28.0.0/16", "size": 24}],
 "hosts": ["unix:///run/own/docker.sock"], "pidfile": "/run/own/dockerd.pid"}
J
    export root
    # Not just chroot: runc and containerd want a mount at /.
    # shellcheck disable=SC2016 # the inner shell expands
    setsid unshare --mount --propagation private bash -c '
        mount --bind "$root" "$root" && cd "$root"
        for one in proc sys dev; do mount --rbind "/$one" "$one"; done
        pivot_root . old && cd / && umount -l /old && mount -t tmpfs none /tmp
        exec dockerd' > "$root.log" 2>&1 < /dev/null &
    for _ in $(seq 60); do
        if [[ -S $root/run/own/docker.sock && -s $pidfile ]]; then exit 0; fi
        sleep 1
    done
    tail "$root.log"
    exit 1
    ;;
run)
    exec nsenter --target "$(cat "$pidfile")" --mount -- env -i --chdir="$3" PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
        DOCKER_HOST=unix:///run/own/docker.sock "${@:4}"
    ;;
stop)
    pid=$(cat "$pidfile")
    kill "$pid" || true # once: a third signal would end it without order
    for _ in $(seq 60); do
        if ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 1
    done
    # The engine leaves its rules and its bridge on the machine.
    for kind in iptables ip6tables; do
        for table in filter nat raw; do
            chroot "$root" $kind-save -t "$table" | sed -nE '/DOCKER|docker0|br-|172\.2[78]\./s/^-A/-D/p' |
                while read -ra rule; do chroot "$root" $kind -t "$table" "${rule[@]}"; done
            for action in F X; do
                chroot "$root" $kind-save -t "$table" | sed -nE 's/^:(DOCKER[^ ]*) .*/\1/p' |
                    while read -r chain; do chroot "$root" $kind -t "$table" "-$action" "$chain"; done
            done
        done
        chroot "$root" $kind -P FORWARD ACCEPT
    done
    chroot "$root" ip link delete docker0 2>/dev/null || true
    ;;
esac
