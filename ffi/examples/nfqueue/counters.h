/* Counters of packets by verdict and policy, written as Prometheus text. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <netpolicy.h>

/* What packets are counted by. */
struct counter_key {
    bool accept;
    const char *direction;      /* "egress", "ingress"; "" if neither decides */
    const char *reason;         /* what decides */
    const char *tier;           /* "Admin", "NetworkPolicy", "Baseline", "" */
    netpolicy_str kind;         /* of the policy that decides, if one does */
    netpolicy_str namespace_name;
    netpolicy_str name;
};

/* Counters of one thread, which others may read. */
struct counters;

/* NULL if there is no memory. */
struct counters *counters_new(void);
void counters_free(struct counters *counters);

/* Counts one packet. Beyond a thousand different keys, only the verdict is told apart. */
void counters_add(struct counters *counters, const struct counter_key *key);

/* Writes a line for each key. `queue` is one more label. */
void counters_write(struct counters *counters, uint16_t queue, FILE *out);

#endif
