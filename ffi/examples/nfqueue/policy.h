/* Judges packets by the image in force, and keeps account of what decided. */
#ifndef POLICY_H
#define POLICY_H

#include <netpolicy.h>

#include "counters.h"
#include "queue.h"

/* The judge of one queue's thread. */
struct policy {
    const netpolicy_handle *handle;
    struct counters *counters;
    const netpolicy_image *image; /* of the batch at hand */
};

/* A handler whose context is a `struct policy`. */
struct queue_handler policy_handler(struct policy *policy);

#endif
