#!/bin/sh
# Sends the first packets of forwarded connections to the queues, IPv4 and IPv6.
#
#     rules.sh FIRST:LAST [--queue-bypass]
#
# An accepted packet comes back with mark 1, which is kept for its connection: everything
# after it passes here without the queue, replies too. With --queue-bypass connections pass
# while no daemon has the queues; without, they do not.
set -eu
queues=${1:?usage: rules.sh FIRST:LAST [--queue-bypass]}
shift
# Where one of the two is not in the kernel, the other is.
for family in iptables ip6tables; do
    tables=$family
    "$tables" --table mangle --list --numeric >/dev/null 2>&1 || tables=$family-legacy
    "$tables" --table mangle --append FORWARD --match connmark --mark 1/1 --jump ACCEPT
    "$tables" --table mangle --append FORWARD --jump NFQUEUE --queue-balance "$queues" "$@"
    # Behind FORWARD, where no rule of others that accepts can come before it.
    "$tables" --table mangle --append POSTROUTING --match mark --mark 1/1 \
        --jump CONNMARK --save-mark --nfmask 1 --ctmask 1
done
