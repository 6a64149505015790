/* One netfilter queue: packets in, verdicts out, many at a time. Knows nothing of policies. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most packets that are judged together. */
enum { QUEUE_BATCH = 64 };

/* How many bytes of a packet are looked at. Headers that go on behind are too much of a good
 * thing: such a packet reads as truncated, and is denied. */
enum { QUEUE_COPY = 512 };

struct queued_packet {
    uint32_t id;
    const uint8_t *data; /* from the IP header on */
    size_t len;
    uint32_t mark; /* that it comes with */
    bool accept;   /* what the judge decides */
};

/* What is done with packets. `judge` sets `accept` of each; `account` is called when the
 * verdicts are on their way, so that what it does delays nobody. It may be NULL. */
struct queue_handler {
    void (*judge)(void *context, struct queued_packet *packets, size_t count);
    void (*account)(void *context, const struct queued_packet *packets, size_t count);
    void *context;
};

struct queue_options {
    uint32_t mark;  /* the bits that accepted packets get besides their own; 0 for none */
    bool fail_open; /* whether packets pass when the queue is full */
};

struct queue;

/* What the kernel dropped before anyone here could see it. With `fail_open` it passed. */
struct queue_drops {
    unsigned long queue_full, socket_full;
};

/* Binds a queue. NULL, with `errno` set, if that cannot be done. */
struct queue *queue_open(uint16_t number, const struct queue_options *options);

/* Handles packets until `stop`, a file descriptor, can be read. -1, with `errno` set, if the
 * queue fails. */
int queue_run(struct queue *queue, const struct queue_handler *handler, int stop);

/* Finds what was dropped in front of a queue. */
bool queue_drops(uint16_t number, struct queue_drops *drops);

/* Gives the queue up. What is still in it is dropped. */
void queue_close(struct queue *queue);

#endif
