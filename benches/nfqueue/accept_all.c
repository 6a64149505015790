/* Accepts every packet of queues 0 and 1 without looking: what the queue itself costs. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue.h"

enum { QUEUES = 2 };

static int stop;

static void accept_all(void *context, struct queued_packet *packets, size_t count) {
    (void)context;
    for (size_t i = 0; i < count; i++)
        packets[i].accept = true;
}

static void *work(void *queue) {
    struct queue_handler handler = {.judge = accept_all};
    queue_run(queue, &handler, stop);
    return NULL;
}

int main(void) {
    struct queue_options options = {.mark = 1};
    struct queue *queues[QUEUES];
    pthread_t threads[QUEUES];
    uint64_t one = 1;
    sigset_t signals;
    int received;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    stop = eventfd(0, EFD_CLOEXEC);
    for (uint16_t i = 0; i < QUEUES; i++) {
        queues[i] = queue_open(i, &options);
        if (queues[i] == NULL) {
            fprintf(stderr, "queue %u: %s\n", i, strerror(errno));
            return 1;
        }
    }
    for (int i = 0; i < QUEUES; i++)
        pthread_create(&threads[i], NULL, work, queues[i]);
    fputs("ready\n", stderr);
    sigwait(&signals, &received);
    if (write(stop, &one, sizeof one) != sizeof one)
        return 1;
    for (int i = 0; i < QUEUES; i++) {
        pthread_join(threads[i], NULL);
        queue_close(queues[i]);
    }
    return 0;
}
