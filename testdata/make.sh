#!/usr/bin/env bash
# Makes the captures of this folder anew: real programs talk to each other in network namespaces of their own while
# tcpdump or dumpcap listens; truth.py then writes down what the programs and tshark say of every capture.
#
#     sudo testdata/make.sh              every case
#     sudo testdata/make.sh web-and-dns  one or more, by the name of their folder ("make.sh list" names them)
#
# For Debian 12. Nothing of the host's own network is touched and no packet leaves the namespaces; all of it is gone
# when the script ends, however it ends. Captures are never the same bytes twice (time, ports, addresses of devices), so
# the script remakes captures of the same shape and writes their truth.json with them.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=capkeep$$ # of every namespace, so that two runs can stand side by side
work=$(mktemp -d)
out='' # where the case at hand puts its files, below $work
hosts=()
captures=()

# ---------------------------------------------------------------------------------------------------------- the stage

install_programs() {
    local package missing=() lull=/usr/sbin/policy-rc.d
    for package in bind9-dnsutils curl dnsmasq-base ethtool iperf3 iproute2 iputils-ping lz4 nginx-light openssl \
        openvswitch-switch procps python3 socat tcpdump tshark xz-utils zstd; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then return; fi
    # The packages would start their services on the host; none of them is wanted there.
    if [[ ! -e $lull ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$lull"
        chmod +x "$lull"
    else
        lull=''
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    if [[ -n $lull ]]; then rm -f "$lull"; fi
}

# Takes the hosts down with everything that runs on them.
strike() {
    local name
    for name in ${hosts[@]+"${hosts[@]}"}; do
        ip netns pids "$prefix-$name" 2>/dev/null | xargs -r kill 2>/dev/null || true
    done
    sleep 0.3
    for name in ${hosts[@]+"${hosts[@]}"}; do
        ip netns pids "$prefix-$name" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns del "$prefix-$name" 2>/dev/null || true
        rm -rf "/etc/netns/$prefix-$name"
    done
    hosts=()
    captures=()
}

# host NAME…: a network namespace each.
host() {
    local name
    for name in "$@"; do
        ip netns add "$prefix-$name"
        hosts+=("$name")
        on "$name" ip link set lo up
        # No solicitations and no wait for duplicate addresses: less noise, and addresses that work at once.
        on "$name" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
            net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.all.router_solicitations=0
    done
}

# on HOST COMMAND…
on() {
    local name=$1
    shift
    ip netns exec "$prefix-$name" "$@"
}

# start HOST COMMAND…: in the background until the case is over.
start() {
    local name=$1
    shift
    (exec ip netns exec "$prefix-$name" "$@" >>"$work/programs.log" 2>&1 </dev/null) &
}

# wire HOST DEVICE HOST DEVICE: a cable between the two.
wire() {
    ip link add "$2" netns "$prefix-$1" type veth peer name "$4" netns "$prefix-$3"
    on "$1" ip link set "$2" up
    on "$3" ip link set "$4" up
}

# address HOST DEVICE ADDRESS…
address() {
    local name=$1 device=$2 one
    shift 2
    for one in "$@"; do on "$name" ip address add "$one" dev "$device"; done
}

# pair: the usual two hosts, a (10.9.0.1) and b (10.9.0.2), at the ends of one cable.
pair() {
    host a b
    wire a eth0 b eth0
    address a eth0 10.9.0.1/24 fd09::1/64
    address b eth0 10.9.0.2/24 fd09::2/64
}

# resolver HOST ADDRESS: where the programs on it ask for names.
resolver() {
    mkdir -p "/etc/netns/$prefix-$1"
    printf 'nameserver %s\noptions timeout:2 attempts:1\n' "$2" >"/etc/netns/$prefix-$1/resolv.conf"
}

# ---------------------------------------------------------------------------------------------------------- programs

# web HOST: nginx on ports 80 and 443 of all its addresses, with files of several sizes.
web() {
    local root=$work/web-$1 size
    mkdir -p "$root"
    seq 100000 >"$root/all" # text, so that captures compress as text does
    for size in 1k 20k 60k 300k; do head -c "${size^^}" "$root/all" >"$root/$size"; done
    printf '{"compute":{"azEnvironment":"AzurePublicCloud","vmSize":"Standard_D2s_v5"}}\n' >"$root/instance"
    printf '<Versions><Preferred><Version>2015-04-05</Version></Preferred></Versions>\n' >"$root/versions"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=www.contoso.test \
        -keyout "$root/key.pem" -out "$root/cert.pem" 2>/dev/null
    cat >"$root/nginx.conf" <<END
daemon off;
user root;
pid $root/pid;
worker_processes 1;
events {}
http {
  access_log off;
  sendfile on;
  client_body_temp_path $root/t1; proxy_temp_path $root/t2; fastcgi_temp_path $root/t3;
  uwsgi_temp_path $root/t4; scgi_temp_path $root/t5;
  ssl_certificate $root/cert.pem;
  ssl_certificate_key $root/key.pem;
  server {
    listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl;
    root $root;
    location = /metadata/instance { try_files /instance =404; }
    location = / { try_files /versions =404; }
  }
}
END
    start "$1" nginx -p "$root" -c "$root/nginx.conf" -e "$root/error.log"
    until_listening "$1" 80
}

# names HOST ADDRESS: dnsmasq, which knows contoso.test.
names() {
    start "$1" dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --user=root \
        --listen-address="$2" --pid-file= --local=/test/ --cache-size=0 \
        --host-record=www.contoso.test,10.1.1.5,fd10:1:1::5 --host-record=sql.contoso.test,10.0.1.5 \
        --host-record=v4only.contoso.test,10.1.1.5 --txt-record=contoso.test,v=spf1
    until_listening "$1" 53
}

until_listening() {
    local tries
    for tries in {1..100}; do
        if [[ -n $(on "$1" ss -Hlntu "sport = :$2") ]]; then return; fi
        sleep 0.05
    done
    echo "nothing listens on port $2 of $1 after $tries tries" >&2
    cat "$work/programs.log" >&2
    exit 1
}

# said JSON: what a program reports, for truth.py to hold against the flows.
said() { printf '%s\n' "$1" >>"$work/programs.json"; }

# fetch HOST CURL-ARGUMENT…: curl, whose report gives the payload of its connection in both directions.
fetch() {
    local name=$1
    shift
    on "$name" curl -sS --max-time 30 --http1.1 -o /dev/null -w '{"program": "curl", "url": "%{url_effective}", "status": %{http_code},
 "flow": {"protocol": "tcp", "client_port": %{local_port}, "server_port": %{remote_port}},
 "payload_bytes": {"from_client": %{size_request}, "from_server": [%{size_header}, %{size_download}]}}\n' "$@" \
        >>"$work/programs.json"
}

# fetch_tls HOST CURL-ARGUMENT…: the same over TLS, which hides how many bytes travel.
fetch_tls() {
    local name=$1
    shift
    on "$name" curl -sS -k --max-time 30 --http1.1 -o /dev/null -w '{"program": "curl", "url": "%{url_effective}", "status": %{http_code},
 "flow": {"protocol": "tcp", "client_port": %{local_port}, "server_port": %{remote_port}}, "payload_bytes": {}}\n' "$@" \
        >>"$work/programs.json"
}

# pings HOST ADDRESS COUNT PING-ARGUMENT…
pings() {
    local name=$1 target=$2 count=$3 report
    shift 3
    report=$(on "$name" ping -n -c "$count" -i 0.2 "$@" "$target" || true)
    said "{\"program\": \"ping\", \"target\": \"$target\", \"says\": \"$(grep transmitted <<<"$report" | sed 's/, time.*//')\"}"
}

# asks HOST SERVER NAME TYPE: dig, which reports the size of the answer.
asks() {
    local name=$1 report
    report=$(on "$name" dig +tries=1 +time=2 "@$2" "$3" "$4")
    said "{\"program\": \"dig\", \"question\": \"$3 $4\", \"status\": \"$(sed -n 's/.*status: \([A-Z]*\).*/\1/p' <<<"$report")\", \
\"answer_bytes\": $(sed -n 's/.*MSG SIZE *rcvd: *//p' <<<"$report")}"
}

# sends HOST BYTES SOCAT-ADDRESS CLIENT-PORT SERVER-PORT: so many bytes to a socat at the other end.
sends() {
    local name=$1 bytes=$2 target=$3 client_port=$4 server_port=$5 protocol=tcp
    if [[ $target == UDP* ]]; then protocol=udp; fi
    head -c "$bytes" /dev/urandom | on "$name" socat -b 65000 -u - "$target,sourceport=$client_port"
    said "{\"program\": \"socat\", \"flow\": {\"protocol\": \"$protocol\", \"client_port\": $client_port, \
\"server_port\": $server_port}, \"payload_bytes\": {\"from_client\": $bytes}}"
}

# ---------------------------------------------------------------------------------------------------------- capturing

# capture HOST DEVICE FILE TCPDUMP-ARGUMENT…: until `stop`.
capture() {
    local name=$1 device=$2 file=$3
    shift 3
    (exec ip netns exec "$prefix-$name" tcpdump -Z root -n -U -B 16384 -i "$device" -w "$out/$file" "$@" \
        2>"$work/$file.log" </dev/null) &
    captures+=("$!:$file")
    until_line 'listening on' "$work/$file.log"
}

# dump HOST FILE DUMPCAP-ARGUMENT…: the same by dumpcap, which writes pcapng and rings.
dump() {
    local name=$1 file=$2
    shift 2
    (exec ip netns exec "$prefix-$name" dumpcap -q -w "$out/$file" "$@" 2>"$work/$file.log" </dev/null) &
    captures+=("$!:$file")
    until_line 'File: ' "$work/$file.log"
}

until_line() {
    local _
    for _ in {1..100}; do
        if grep -q "$1" "$2" 2>/dev/null; then return; fi
        sleep 0.05
    done
    cat "$2" >&2
    exit 1
}

# stop: ends all captures; none may have lost a packet. What dumpcap writes of this machine is taken out.
stop() {
    local one file
    sleep 1 # for the last packets to reach the files
    for one in "${captures[@]}"; do kill -INT "${one%%:*}"; done
    for one in "${captures[@]}"; do
        wait "${one%%:*}" || true
        file=$work/${one#*:}.log
        if grep -E '[1-9][0-9]* packets? dropped by kernel|/[1-9][0-9]*/[0-9]+ .*flushed' "$file"; then
            echo "${one#*:}: the kernel dropped packets, the truth would be wrong" >&2
            exit 1
        fi
    done
    captures=()
    find "$out" -name '*.pcapng' -exec python3 "$here/strip_host.py" {} +
}

# describe TRUTH-ARGUMENT…: adds a capture (one or more files) to the case's truth, with what the programs said since.
describe() {
    (cd "$out" && python3 "$here/truth.py" describe "$work/described.jsonl" "$work/programs.json" "$@")
    rm -f "$work/programs.json"
}

note() { python3 "$here/truth.py" note "$work/described.jsonl" "$@"; }

# ---------------------------------------------------------------------------------------------------------- the cases

# The first folder to point the program at: what a virtual machine's capture looks like.
case_web_and_dns() {
    local first name
    host vm gateway servers
    wire vm eth0 gateway lan
    wire servers eth0 gateway dmz
    address vm eth0 10.1.0.4/24 fd10:1::4/64
    address gateway lan 10.1.0.1/24 fd10:1::1/64
    address gateway dmz 10.1.1.1/24 fd10:1:1::1/64
    address servers eth0 10.1.1.5/24 10.1.1.10/24 fd10:1:1::5/64
    on gateway sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    on vm ip route add default via 10.1.0.1
    on vm ip -6 route add default via fd10:1::1
    on servers ip route add default via 10.1.1.1
    on servers ip -6 route add default via fd10:1:1::1
    on gateway ip route add blackhole 203.0.113.0/24
    resolver vm 10.1.1.10
    web servers
    names servers 10.1.1.10
    start servers socat -u TCP4-LISTEN:9000,fork,reuseaddr OPEN:/dev/null
    start servers socat UDP4-LISTEN:123,fork,reuseaddr PIPE
    sleep 2

    capture vm eth0 burst1 -s 700
    asks vm 10.1.1.10 www.contoso.test A
    asks vm 10.1.1.10 www.contoso.test AAAA
    asks vm 10.1.1.10 nowhere.contoso.test A
    asks vm 10.1.1.10 contoso.test TXT
    pings vm 10.1.1.5 5
    fetch vm 'http://v4only.contoso.test/{1k,20k,300k}'
    fetch vm -4 'http://www.contoso.test/missing'
    stop

    capture vm eth0 burst2 -s 700
    fetch_tls vm -4 --no-progress-meter -Z --parallel-immediate 'https://www.contoso.test/{1k,20k,60k,300k}'
    fetch vm -6 'http://www.contoso.test/{20k,60k}'
    fetch_tls vm -6 'https://www.contoso.test/20k'
    sends vm 200000 TCP4:10.1.1.5:9000 41000 9000
    stop

    capture vm eth0 burst3 -s 700
    pings vm fd10:1:1::5 4
    on vm curl -sS http://10.1.1.5:8080/ 2>>"$work/programs.log" || true # nothing listens: refused
    on vm curl -sS --connect-timeout 4 http://203.0.113.7/ 2>>"$work/programs.log" || true # no answer
    local port
    for port in 40123 40124 40125; do
        { printf '\x23' && head -c 47 /dev/zero; } |
            on vm socat -t 0.5 - "UDP4:10.1.1.5:123,sourceport=$port" >/dev/null
        said "{\"program\": \"socat\", \"flow\": {\"protocol\": \"udp\", \"client_port\": $port, \"server_port\": 123},
            \"payload_bytes\": {\"from_client\": 48, \"from_server\": 48}}"
    done
    asks vm 10.1.1.10 sql.contoso.test A
    fetch vm -4 http://www.contoso.test/60k
    stop

    # Three bursts of some seconds become two and a half minutes: the second is moved by 45 s, the third by 110 s.
    editcap -t 45 "$out/burst2" "$work/later2" -F pcap
    editcap -t 110 "$out/burst3" "$work/later3" -F pcap
    first=$(tshark -n -r "$out/burst1" -c 1 -T fields -e frame.time_epoch 2>/dev/null)
    name=packetcapture_$(date -u -d "@${first%%.*}" +%H_%M_%S)_${first:11:3}.cap
    mergecap -F pcap -s 700 -w "$out/$name" "$out/burst1" "$work/later2" "$work/later3"
    rm "$out"/burst?
    note moved '"second burst 45 s later, third burst 110 s later than they happened"'
    describe "$name"
}

# One capture in several files: connections begin in one and end in another.
case_ring() {
    local report
    pair
    web b
    start b iperf3 -s
    until_listening b 5201
    sleep 2
    dump a ring.pcapng -i eth0 -s 96 -b filesize:48 -b files:9
    report=$work/iperf.json
    on a iperf3 -J -c 10.9.0.2 -b 600K -l 1000 -t 9 >"$report" &
    local iperf=$!
    fetch a --limit-rate 40k http://10.9.0.2/300k &
    local slow=$!
    sleep 1
    fetch a http://10.9.0.2/20k
    pings a 10.9.0.2 20
    fetch a 'http://[fd09::2]/20k'
    wait "$iperf" "$slow"
    stop
    # iperf3 sends a cookie of 37 bytes before the data.
    python3 - "$report" >>"$work/programs.json" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
port, sent = report["start"]["connected"][0]["local_port"], report["end"]["sum_sent"]["bytes"]
flow = {"protocol": "tcp", "client_port": port, "server_port": 5201}
print(json.dumps({"program": "iperf3", "flow": flow, "payload_bytes": {"from_client": [37, sent], "from_server": 0}}))
END
    local segments=("$out"/ring_*.pcapng)
    describe "${segments[@]##*/}"
}

# inside ADDRESS: what travels in every tunnel.
inside() {
    pings a "$1" 3
    if [[ $1 == *:* ]]; then fetch a "http://[$1]/20k"; else fetch a "http://$1/20k"; fi
}

# switch HOST NUMBER: Open vSwitch with its userspace data path, bridge `under` on the cable, bridge `over` for the inside.
switch() {
    local name=$1 number=$2 dir=$work/switch-$1
    mkdir -p "$dir"
    ovsdb-tool create "$dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema 2>>"$work/programs.log"
    OVS_RUNDIR=$dir OVS_LOGDIR=$dir start "$name" ovsdb-server "$dir/conf.db" "--remote=punix:$dir/db.sock" \
        "--unixctl=$dir/db.ctl"
    sleep 0.5
    vsctl "$name" --no-wait init
    OVS_RUNDIR=$dir OVS_LOGDIR=$dir start "$name" ovs-vswitchd "unix:$dir/db.sock" "--unixctl=$dir/switch.ctl" \
        "--pidfile=$dir/pid"
    sleep 0.5
    vsctl "$name" set open . other_config:vlan-limit=2
    vsctl "$name" add-br under -- set bridge under datapath_type=netdev -- add-port under eth0
    vsctl "$name" add-br over -- set bridge over datapath_type=netdev -- set interface over mtu_request=1400
    on "$name" ethtool -K eth0 tx off >/dev/null
    on "$name" ip address flush dev eth0
    on "$name" sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 # the address is on `under` now, with its own MAC address
    on "$name" ip link set under up
    on "$name" ip link set over up
    address "$name" under "10.9.0.$number/24"
    address "$name" over "10.8.0.$number/24"
}

vsctl() {
    local name=$1
    shift
    on "$name" ovs-vsctl -t 20 "--db=unix:$work/switch-$name/db.sock" "$@"
}

# Real endpoints of tunnels: the kernel's VXLAN; Open vSwitch for Geneve, GRE, ERSPAN, VLAN and QinQ; socat for IP in IP.
case_tunnels() {
    local name kind
    pair
    web b
    on a ip link add vx0 type vxlan id 42 local 10.9.0.1 remote 10.9.0.2 dstport 4789 dev eth0
    on b ip link add vx0 type vxlan id 42 local 10.9.0.2 remote 10.9.0.1 dstport 4789 dev eth0
    for name in a b; do on "$name" ip link set vx0 up; done
    address a vx0 10.8.0.1/24
    address b vx0 10.8.0.2/24
    sleep 2
    capture a eth0 vxlan.pcap -s 200
    dump a vxlan-two-interfaces.pcapng -i eth0 -i vx0 -s 200
    inside 10.8.0.2
    stop
    cp "$work/programs.json" "$work/again.json"
    describe vxlan.pcap
    mv "$work/again.json" "$work/programs.json"
    describe --times 2 vxlan-two-interfaces.pcapng
    strike

    pair
    web b
    tunnel_by_socat ipip 'IP4-DATAGRAM:10.9.0.2:4' 'IP4-DATAGRAM:10.9.0.1:4' 10.8.0.1/24 10.8.0.2/24
    tunnel_by_socat sit 'IP4-DATAGRAM:10.9.0.2:41' 'IP4-DATAGRAM:10.9.0.1:41' fd08::1/64 fd08::2/64
    tunnel_by_socat ip4-in-ip6 'IP6-DATAGRAM:[fd09::2]:4' 'IP6-DATAGRAM:[fd09::1]:4' 10.8.0.1/24 10.8.0.2/24
    strike

    pair
    web b
    switch a 1
    switch b 2
    tunnel_by_switch geneve type=geneve options:key=77
    tunnel_by_switch gretap type=gre
    tunnel_by_switch nvgre type=gre options:key=0x123401
    tunnel_by_switch erspan type=erspan options:key=5 options:erspan_ver=1 options:erspan_idx=7
    # Without an inner Ethernet header the switch has to be told whom the packets are for.
    for name in a b; do
        on "$name" ip neigh replace "10.8.0.$([[ $name == a ]] && echo 2 || echo 1)" lladdr 02:00:00:00:00:01 dev over
        on "$name" ovs-ofctl add-flow "unix:$work/switch-$name/over.mgmt" \
            "priority=9,in_port=9,actions=mod_dl_dst:$(on "$name" cat /sys/class/net/over/address),LOCAL"
        on "$name" ovs-ofctl add-flow "unix:$work/switch-$name/over.mgmt" priority=9,ip,in_port=LOCAL,actions=output:9
    done
    tunnel_by_switch gre type=gre options:packet_type=legacy_l3
    for name in a b; do
        on "$name" ovs-ofctl del-flows "unix:$work/switch-$name/over.mgmt" in_port=9
        on "$name" ovs-ofctl del-flows "unix:$work/switch-$name/over.mgmt" ip,in_port=LOCAL
        on "$name" ip neigh flush nud all dev over
    done
    # The same inside, now with one tag and with two (802.1ad outside, 802.1Q inside).
    for name in a b; do
        vsctl "$name" -- add-port over up -- set interface up type=patch options:peer=down \
            -- add-port under down -- set interface down type=patch options:peer=up \
            -- set port over tag=42
    done
    for kind in vlan qinq; do
        if [[ $kind == qinq ]]; then
            for name in a b; do vsctl "$name" set port down vlan_mode=dot1q-tunnel tag=100; done
        fi
        sleep 2
        capture a eth0 "$kind.pcap" -s 200
        inside 10.8.0.2
        stop
        describe "$kind.pcap"
    done
}

tunnel_by_socat() {
    local kind=$1 there=$2 back=$3 name
    start a socat TUN,iff-up,iff-no-pi,tun-name="$kind" "$there"
    start b socat TUN,iff-up,iff-no-pi,tun-name="$kind" "$back"
    sleep 0.7
    for name in a b; do on "$name" ip link set "$kind" mtu 1400; done
    address a "$kind" "$4"
    address b "$kind" "$5"
    sleep 1
    capture a eth0 "$kind.pcap" -s 200
    inside "${5%/*}"
    stop
    describe "$kind.pcap"
    for name in a b; do on "$name" ip link delete "$kind"; done
    sleep 0.5
}

tunnel_by_switch() {
    local kind=$1 name
    shift
    for name in a b; do
        vsctl "$name" add-port over tunnel -- set interface tunnel ofport_request=9 \
            "options:remote_ip=10.9.0.$([[ $name == a ]] && echo 2 || echo 1)" "$@"
    done
    sleep 2
    capture a eth0 "$kind.pcap" -s 200
    inside 10.8.0.2
    stop
    describe "$kind.pcap"
    for name in a b; do vsctl "$name" del-port over tunnel; done
}

# a_bit_of_everything: a few packets of most kinds between a and b.
a_bit_of_everything() {
    pings a 10.9.0.2 2
    pings a fd09::2 2
    fetch a http://10.9.0.2/20k
    fetch a 'http://[fd09::2]/1k'
    sends a 300 UDP4:10.9.0.2:7000 42000 7000
    sends a 400 'UDP6:[fd09::2]:7000' 42001 7000
}

# pair_with_everything: the hosts for it.
pair_with_everything() {
    pair
    web b
    start b socat -u UDP4-RECV:7000 OPEN:/dev/null
    start b socat -u UDP6-RECV:7000,ipv6-v6only OPEN:/dev/null
    sleep 2
}

# The same packets in every file format and compression.
case_formats() {
    local name
    pair_with_everything
    # Frames no longer than the cable takes: NetMon 1 counts a packet's bytes with 16 bits.
    for name in a b; do on "$name" ethtool -K eth0 tso off gso off gro off >/dev/null; done
    capture a eth0 plain.pcap -s 0
    a_bit_of_everything
    stop
    editcap -F nsecpcap "$out/plain.pcap" "$out/nanoseconds.pcap"
    editcap -F modpcap "$out/plain.pcap" "$out/modified.pcap"
    editcap -F pcapng "$out/plain.pcap" "$out/plain.pcapng"
    editcap -F netmon1 "$out/plain.pcap" "$out/netmon1.cap"
    editcap -F netmon2 "$out/plain.pcap" "$out/netmon2.cap"
    editcap -F snoop "$out/plain.pcap" "$out/plain.snoop"
    gzip -9nk "$out/plain.pcap"
    zstd -q -19 "$out/plain.pcap"
    lz4 -q -9 "$out/plain.pcap" "$out/plain.pcap.lz4"
    xz -9k "$out/plain.pcap"
    # tshark of Debian 12 does not read xz; what it unpacks to is compared below.
    local copies=(nanoseconds.pcap modified.pcap plain.pcapng netmon1.cap netmon2.cap plain.snoop
        plain.pcap.gz plain.pcap.zst plain.pcap.lz4)
    note compressed '{"plain.pcap.gz": "gzip -9n", "plain.pcap.zst": "zstd -19", "plain.pcap.lz4": "lz4 -9", "plain.pcap.xz": "xz -9"}'
    zstd -dcq "$out/plain.pcap.zst" | cmp - "$out/plain.pcap"
    lz4 -dcq "$out/plain.pcap.lz4" | cmp - "$out/plain.pcap"
    xz -dc "$out/plain.pcap.xz" | cmp - "$out/plain.pcap"
    describe plain.pcap = "${copies[@]}"
}

# tcpdump -i any, in both cooked formats; on a router, where every packet is seen when it comes and when it goes.
case_any_device() {
    pair_with_everything
    web a
    capture a any cooked2.pcap -s 200 -y LINUX_SLL2
    capture a any cooked1.pcap -s 200 -y LINUX_SLL
    a_bit_of_everything
    stop
    cp "$work/programs.json" "$work/again.json"
    describe cooked2.pcap
    mv "$work/again.json" "$work/programs.json"
    describe cooked1.pcap

    capture a any loopback.pcap -s 200
    pings a 127.0.0.1 2
    fetch a http://127.0.0.1/20k
    fetch a 'http://[::1]/1k'
    stop
    describe loopback.pcap
    strike

    host a router b
    wire a eth0 router lan
    wire router dmz b eth0
    address a eth0 10.4.1.2/24
    address router lan 10.4.1.1/24
    address router dmz 10.4.2.1/24
    address b eth0 10.4.2.2/24
    on router sysctl -qw net.ipv4.ip_forward=1
    on a ip route add default via 10.4.1.1
    on b ip route add default via 10.4.2.1
    web b
    sleep 2
    capture router any seen-twice.pcap -s 200
    pings a 10.4.2.2 2
    fetch a http://10.4.2.2/20k
    stop
    describe --times 2 seen-twice.pcap
}

# a - near - far - b, with a narrow cable in the middle: fragments, and the routers' ICMP messages.
case_fragments() {
    local name
    host a near far b
    wire a eth0 near eth0
    wire near eth1 far eth1
    wire far eth0 b eth0
    address a eth0 10.3.1.2/24 fd03:1::2/64
    address near eth0 10.3.1.1/24 fd03:1::1/64
    address near eth1 10.3.2.1/24 fd03:2::1/64
    address far eth1 10.3.2.2/24 fd03:2::2/64
    address far eth0 10.3.3.1/24 fd03:3::1/64
    address b eth0 10.3.3.2/24 fd03:3::2/64
    for name in near far; do
        on "$name" ip link set eth1 mtu 1280
        on "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    done
    on a ip route add default via 10.3.1.1
    on a ip -6 route add default via fd03:1::1
    on near ip route add default via 10.3.2.2
    on near ip -6 route add default via fd03:2::2
    on far ip route add default via 10.3.2.1
    on far ip -6 route add default via fd03:2::1
    on b ip route add default via 10.3.3.1
    on b ip -6 route add default via fd03:3::1
    start b socat -u UDP4-RECV:7000 OPEN:/dev/null
    start b socat -u UDP6-RECV:7000,ipv6-v6only OPEN:/dev/null
    start b socat -u TCP4-LISTEN:9000,fork,reuseaddr OPEN:/dev/null
    start b socat -u TCP6-LISTEN:9000,fork,reuseaddr,ipv6-v6only OPEN:/dev/null
    sleep 2

    # Captured where the fragments begin and, for the first file, where they arrive cut once more.
    capture a eth0 fragments-at-client.pcap -s 0
    capture b eth0 fragments-at-server.pcap -s 0
    pings a 10.3.3.2 2 -s 3000 -M dont
    pings a fd03:3::2 4 -s 3000
    sends a 4000 UDP4:10.3.3.2:7000,ip-mtu-discover=0 42000 7000
    sends a 4000 'UDP6:[fd03:3::2]:7000' 42001 7000
    sends a 4000 'UDP6:[fd03:3::2]:7000' 42002 7000
    stop
    # The server may miss a datagram that found out the width of the path: its payload is not compared there.
    describe fragments-at-client.pcap
    describe fragments-at-server.pcap

    for name in a b; do
        on "$name" ip route flush cache
        on "$name" ip -6 route flush cache
    done
    capture a eth0 errors.pcap -s 0
    sends a 30000 TCP4:10.3.3.2:9000 43000 9000
    sends a 30000 'TCP6:[fd03:3::2]:9000' 43001 9000
    pings a 10.3.3.2 1 -t 1
    pings a 10.3.3.2 1 -t 2
    pings a fd03:3::2 1 -t 1
    pings a fd03:3::2 1 -t 2
    sends a 100 UDP4:10.3.3.2:7999 42003 7999
    sends a 100 'UDP6:[fd03:3::2]:7999' 42004 7999
    stop
    # What did not pass is sent again: more payload on the wire than the program sent.
    describe errors.pcap
}

# The same traffic with 34 bytes a packet (Ethernet and IPv4, no port), with 64 and whole.
case_snap34() {
    pair_with_everything
    capture a eth0 whole.pcap -s 0
    capture a eth0 snap64.pcap -s 64
    capture a eth0 snap34.pcap -s 34
    a_bit_of_everything
    stop
    describe whole.pcap
    describe snap64.pcap
    describe snap34.pcap
}

# Files that end too early.
case_cut() {
    pair_with_everything
    capture a eth0 whole.pcap -s 200
    a_bit_of_everything
    stop
    editcap -F pcapng "$out/whole.pcap" "$work/whole.pcapng"
    # 60% of the bytes; python finds out how many whole records that is (16 bytes of header before each).
    python3 - "$out" "$work/whole.pcapng" "$work/described.jsonl" <<'END'
import gzip, json, struct, sys, zlib
out, ng_path, described = sys.argv[1:]
whole = open(f"{out}/whole.pcap", "rb").read()


def pcap_records(data):
    at, packets = 24, 0
    while at + 16 <= len(data):
        captured = struct.unpack_from("<I", data, at + 8)[0]
        if at + 16 + captured > len(data):
            break
        at, packets = at + 16 + captured, packets + 1
    return packets, at


def pcapng_records(data):
    at, packets = 0, 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if at + length > len(data):
            break
        at, packets = at + length, packets + (kind == 6)
    return packets, at


truth = {}
size = len(whole) * 6 // 10
while pcap_records(whole[:size])[1] + 20 > size:  # well inside a record's data
    size += 1
open(f"{out}/cut.pcap", "wb").write(whole[:size])
packets, offset = pcap_records(whole[:size])
truth["cut.pcap"] = {"whole_packets": packets, "record_offset": offset, "bytes": size, "cut_in": "packet data"}

size = pcap_records(whole[:size])[1] + 7
open(f"{out}/cut-in-header.pcap", "wb").write(whole[:size])
truth["cut-in-header.pcap"] = {"whole_packets": packets, "record_offset": offset, "bytes": size, "cut_in": "record header"}

open(f"{out}/cut-file-header.pcap", "wb").write(whole[:13])
truth["cut-file-header.pcap"] = {"whole_packets": 0, "record_offset": 0, "bytes": 13, "cut_in": "file header"}

ng = open(ng_path, "rb").read()
size = len(ng) * 6 // 10
while pcapng_records(ng[:size])[1] + 20 > size:
    size += 1
open(f"{out}/cut.pcapng", "wb").write(ng[:size])
packets, offset = pcapng_records(ng[:size])
truth["cut.pcapng"] = {"whole_packets": packets, "record_offset": offset, "bytes": size, "cut_in": "enhanced packet block"}

packed = gzip.compress(whole, 9, mtime=0)
packed = packed[: len(packed) * 6 // 10]
open(f"{out}/cut.pcap.gz", "wb").write(packed)
came_out = zlib.decompressobj(31).decompress(packed)
packets, offset = pcap_records(came_out)
truth["cut.pcap.gz"] = {
    "whole_packets": packets, "record_offset": offset, "bytes": len(packed), "bytes_that_come_out": len(came_out),
    "cut_in": "gzip stream",
}
with open(described, "a") as file:
    file.write(json.dumps({"note": "cut", "value": truth}) + "\n")
END
    describe whole.pcap
}

# The addresses a virtual machine in Azure meets. The servers are real programs that own these addresses here.
case_azure_shape() {
    local first name n
    host vm fabric
    wire vm eth0 fabric eth0
    address vm eth0 10.0.0.4/24
    address fabric eth0 10.0.0.1/24 10.0.1.5/32 168.63.129.16/32 169.254.169.254/32
    on vm ip route add default via 10.0.0.1
    on fabric ip route add blackhole 203.0.113.0/24
    resolver vm 168.63.129.16
    web vm
    web fabric
    names fabric 168.63.129.16
    start fabric socat TCP4-LISTEN:32526,fork,reuseaddr TCP4:127.0.0.1:80
    # A database that lets the connection rest before it closes it; the client sends keep-alive probes meanwhile.
    start fabric socat TCP4-LISTEN:1433,reuseaddr SYSTEM:'head -c 900 | tail -c 300; sleep 26'
    until_listening fabric 1433
    until_listening fabric 32526
    sleep 2

    capture vm eth0 raw -s 512
    { head -c 900 /dev/zero; sleep 40; } |
        on vm socat - TCP4:10.0.1.5:1433,sourceport=44000,so-keepalive,keepidle=8,keepintvl=8 >/dev/null 2>&1 &
    local sql=$!
    for n in {0..6}; do # the load balancer's health probe: connects every 5 s, says nothing
        on fabric socat -u /dev/null "TCP4:10.0.0.4:80,bind=168.63.129.16:$((51000 + n))"
        case $n in
        0) asks vm 168.63.129.16 sql.contoso.test A ;;
        1) fetch vm -H Metadata:true 'http://169.254.169.254/metadata/instance?api-version=2021-02-01' ;;
        2) fetch vm 'http://168.63.129.16/?comp=versions' ;;
        3) fetch vm http://168.63.129.16:32526/20k ;;
        4) on vm curl -sS --connect-timeout 3 telnet://203.0.113.25:25 2>>"$work/programs.log" || true ;;
        5) asks vm 168.63.129.16 nowhere.contoso.test A ;;
        esac
        sleep 5
    done
    kill "$sql" 2>/dev/null || true
    stop
    first=$(tshark -n -r "$out/raw" -c 1 -T fields -e frame.time_epoch 2>/dev/null)
    name=packetcapture_$(date -u -d "@${first%%.*}" +%H_%M_%S)_${first:11:3}.cap
    mv "$out/raw" "$out/$name"
    describe "$name"
}

# ---------------------------------------------------------------------------------------------------------- which ones

cases=(web-and-dns ring tunnels formats any-device fragments snap34 cut azure-shape)

make() {
    local name=$1 started=$SECONDS
    out=$work/out/$name
    rm -rf "$work/described.jsonl" "$work/programs.json"
    mkdir -p "$out" "$here/$name"
    "case_${name//-/_}"
    python3 "$here/truth.py" write "$work/described.jsonl" "$out/truth.json" "$name"
    strike
    find "$here/$name" -type f ! -name README.md -delete
    install -m 644 "$out"/* "$here/$name/"
    echo "$name: $(find "$here/$name" -type f ! -name README.md ! -name truth.json | wc -l) captures," \
        "$(du -bs "$here/$name" | cut -f 1) bytes, $((SECONDS - started)) s"
}

if [[ ${1:-} == list ]]; then
    printf '%s\n' "${cases[@]}"
    rm -rf "$work"
    exit
fi
for name in "$@"; do
    if [[ " ${cases[*]} " != *" $name "* ]]; then
        echo "no case $name; there are ${cases[*]}" >&2
        exit 2
    fi
done
if ((EUID != 0)); then
    echo "network namespaces need root" >&2
    exit 2
fi
if (($# == 0)); then set -- "${cases[@]}"; fi
trap 'strike; rm -rf "$work"; rmdir /etc/netns 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM HUP PIPE
install_programs
for name in "$@"; do make "$name"; done
