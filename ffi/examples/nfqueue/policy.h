/* Judges packets by the image in force, and keeps account of what decided. */
#ifndef POLICY_H
#define POLICY_H

#include <netpolicy.h>

#include "counters.h"
#include "queue.h"

/* How many connections' decisions are remembered. A power of two. */
enum { POLICY_REMEMBERED = 1024 };

/* What decided about a connection, so that it need not be worked out again. */
struct policy_decision {
    netpolicy_connection connection;
    bool is_known, accept;
    size_t counter;
};

/* The judge of one queue's thread. */
struct policy {
    const netpolicy_handle *handle;
    struct counters *counters;
    const netpolicy_image *image; /* of the last batch, to which the decisions belong */
    struct policy_decision remembered[POLICY_REMEMBERED];
};

/* Lets go of the image. */
void policy_end(struct policy *policy);

/* A handler whose context is a `struct policy`. */
struct queue_handler policy_handler(struct policy *policy);

#endif
