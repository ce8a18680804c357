#!/bin/sh
# Installs what flashsale needs on Debian 12, and nothing that is there already.
#
#   scripts/setup.sh [build] [test] [fuzz] [check]     default: build test
#
# Packages that bring a service (redis-server, prometheus, the proxies) are installed without starting or
# enabling it: flashsale and its tests start processes of their own.  A second run only looks.
set -eu

build="gcc libc6-dev make cmake ninja-build pkg-config libh2o-evloop-dev libhiredis-dev
  libjansson-dev libyaml-dev libssl-dev libcrypt-dev libcurl4-openssl-dev libevent-dev
  libhttp-parser-dev libjs-chart.js redis-server"
test="libcunit1-dev liblua5.1-0-dev python3 python3-pytest python3-pytest-asyncio python3-aiohttp
  python3-jsonschema python3-yaml python3-hpack python3-pandas python3-matplotlib python3-scipy python3-locust
  curl openssl apache2-utils prometheus binutils wrk nghttp2-client nginx-light haproxy caddy apache2 chromium chromium-driver python3-selenium"
fuzz="clang libclang-rt-14-dev"
check="clang clang-format clang-tidy cppcheck docker-compose shellcheck"
command -v npm >/dev/null 2>&1 || check="$check npm" # Node.js may have come from elsewhere

# Which of the named packages are not installed.
missing() {
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" = installed ] || printf '%s ' "$package"
    done
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "setup: '$*' needs root: run this as root or install sudo" >&2
        exit 1
    fi
}

wanted=
[ $# -gt 0 ] || set -- build test
for group in "$@"; do
    case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    fuzz) wanted="$wanted $fuzz" ;;
    check) wanted="$wanted $check" ;;
    *) echo "setup: unknown group '$group'; there are: build test fuzz check" >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: this is no Debian; install by hand: $wanted" >&2
    exit 1
fi

# shellcheck disable=SC2086  # a list of words
needed=$(missing $wanted)
if [ -z "$needed" ]; then
    exit 0
fi
echo "setup: installing $needed"

# policy-rc.d with 101 keeps the packages' scripts from starting services; one that the machine's
# owner put there is left alone.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made_policy=yes
fi
remove_policy() {
    if [ -n "$made_policy" ]; then
        as_root rm -f "$policy"
    fi
}
trap remove_policy EXIT INT TERM

as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 update
# shellcheck disable=SC2086
as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
    install --no-install-recommends $needed

# Not at the next boot either, when it was us who brought the service.
if command -v systemctl >/dev/null 2>&1; then
    for service in redis-server prometheus nginx haproxy caddy apache2; do
        case " $needed " in
        *" $service "*) as_root systemctl disable --quiet "$service" 2>/dev/null || true ;;
        esac
    done
fi
