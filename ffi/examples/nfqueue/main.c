/* netpolicy-nfqueue: holds connections to the network policies of an image.
 *
 *     kernel ──► queue.c ──► policy.c ──► libnetpolicy
 *                  ▲            │
 *               verdicts        ├──► counters.c ──► metrics.c
 *                               └──► log.c
 *
 * A thread for each queue, one for the counters, and this one, which waits for signals. The
 * image is replaced under the threads' feet: see netpolicy_handle.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <netpolicy.h>

#include "counters.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "policy.h"
#include "queue.h"

struct worker {
    pthread_t thread;
    uint16_t number;
    struct queue *queue;
    struct policy policy;
};

static struct {
    struct options options;
    netpolicy_handle *handle;
    int stop; /* can be read when everything shall end */
    size_t workers_len;
    struct worker workers[MOST_QUEUES];
    atomic_ulong reloads, failed_reloads;
    atomic_bool queue_failed;
} daemon_state;

/* Reads a file whole. It is not mapped, because whoever writes it in place would change, or
 * with a truncation take away, what is being read. */
static uint8_t *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rbe");
    struct stat status;
    uint8_t *bytes = NULL;
    if (file == NULL)
        return NULL;
    if (fstat(fileno(file), &status) == 0) {
        *len = (size_t)status.st_size;
        bytes = malloc(*len + 1);
        if (bytes != NULL && fread(bytes, 1, *len, file) != *len) {
            free(bytes);
            bytes = NULL;
            errno = EIO;
        }
    }
    fclose(file);
    return bytes;
}

/* Opens the image. NULL, and a line in the log, if that cannot be done. */
static const netpolicy_image *load(const char *path) {
    const netpolicy_image *image = NULL;
    size_t len;
    uint8_t *bytes = read_file(path, &len);
    if (bytes == NULL) {
        log_line("%s: cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    /* The library frees the bytes with the image. */
    if (netpolicy_image_open(bytes, len, free, bytes, &image) != NETPOLICY_RESULT_OK) {
        char message[512];
        netpolicy_last_error_message(message, sizeof message);
        log_line("%s: %s", path, message);
        free(bytes);
        return NULL;
    }
    /* What was written only half shall not come into force. */
    if (netpolicy_image_verify_checksum(image) != NETPOLICY_RESULT_OK) {
        log_line("%s: the checksum is wrong", path);
        netpolicy_image_free(image);
        return NULL;
    }
    log_line("%s: %zu pods, %zu policies", path, netpolicy_image_pod_count(image),
             netpolicy_image_policy_count(image));
    return image;
}

/* Replaces the image; one that cannot be loaded leaves the old one in force. */
static void reload(void) {
    const netpolicy_image *image = load(daemon_state.options.image);
    if (image == NULL || netpolicy_handle_replace(daemon_state.handle, image) != NETPOLICY_RESULT_OK) {
        atomic_fetch_add(&daemon_state.failed_reloads, 1);
        log_line("the policies in force stay");
    } else {
        atomic_fetch_add(&daemon_state.reloads, 1);
        log_line("reloaded");
    }
    netpolicy_image_free(image);
}

static void write_drops(uint16_t queue, FILE *out) {
    struct queue_drops drops;
    if (queue_drops(queue, &drops))
        fprintf(out,
                "netpolicy_queue_dropped_total{queue=\"%u\",full=\"queue\"} %lu\n"
                "netpolicy_queue_dropped_total{queue=\"%u\",full=\"socket\"} %lu\n",
                queue, drops.queue_full, queue, drops.socket_full);
}

static void write_metrics(void *context, FILE *out) {
    (void)context;
    fputs("# HELP netpolicy_packets_total First packets of connections, by what decided.\n"
          "# TYPE netpolicy_packets_total counter\n",
          out);
    for (size_t i = 0; i < daemon_state.workers_len; i++)
        counters_write(daemon_state.workers[i].policy.counters, daemon_state.workers[i].number,
                       out);
    fputs("# HELP netpolicy_queue_dropped_total Packets that the kernel dropped unjudged.\n"
          "# TYPE netpolicy_queue_dropped_total counter\n",
          out);
    for (size_t i = 0; i < daemon_state.workers_len; i++)
        write_drops(daemon_state.workers[i].number, out);
    fprintf(out,
            "# HELP netpolicy_reloads_total Images that were put in force after the first.\n"
            "# TYPE netpolicy_reloads_total counter\n"
            "netpolicy_reloads_total{result=\"ok\"} %lu\n"
            "netpolicy_reloads_total{result=\"failed\"} %lu\n",
            atomic_load(&daemon_state.reloads), atomic_load(&daemon_state.failed_reloads));
}

static void *serve_metrics(void *listener) {
    metrics_serve(*(int *)listener, write_metrics, NULL, daemon_state.stop);
    return NULL;
}

static void *work(void *context) {
    struct worker *worker = context;
    struct queue_handler handler = policy_handler(&worker->policy);
    if (queue_run(worker->queue, &handler, daemon_state.stop) < 0) {
        log_line("queue %u: %s", worker->number, strerror(errno));
        atomic_store(&daemon_state.queue_failed, true);
        kill(getpid(), SIGTERM);
    }
    return NULL;
}

/* Binds all queues before the first thread runs, so that either all work or none. */
static bool open_queues(void) {
    const struct options *options = &daemon_state.options;
    struct queue_options queue_options = {.mark = options->mark, .fail_open = options->fail_open};
    for (uint16_t i = 0; i < options->queues; i++) {
        struct worker *worker = &daemon_state.workers[i];
        worker->number = (uint16_t)(options->first_queue + i);
        worker->policy.handle = daemon_state.handle;
        worker->policy.counters = counters_new();
        worker->queue = queue_open(worker->number, &queue_options);
        daemon_state.workers_len = i + 1u;
        if (worker->queue == NULL || worker->policy.counters == NULL) {
            log_line("queue %u: %s", worker->number, strerror(errno));
            return false;
        }
    }
    return true;
}

static void close_queues(void) {
    for (size_t i = 0; i < daemon_state.workers_len; i++) {
        queue_close(daemon_state.workers[i].queue);
        counters_free(daemon_state.workers[i].policy.counters);
        policy_end(&daemon_state.workers[i].policy);
    }
}

/* Waits for signals until one ends the daemon. */
static void wait_for_the_end(const sigset_t *signals) {
    for (;;) {
        int received = 0;
        if (sigwait(signals, &received) != 0 || received == SIGTERM || received == SIGINT)
            return;
        if (received == SIGHUP)
            reload();
    }
}

static bool run(const sigset_t *signals) {
    pthread_t metrics;
    int listener = -1;
    uint64_t one = 1;
    if (!open_queues())
        return false;
    if (daemon_state.options.metrics_port != 0) {
        listener = metrics_listen(daemon_state.options.metrics_port);
        if (listener < 0 || pthread_create(&metrics, NULL, serve_metrics, &listener) != 0) {
            log_line("metrics: %s", strerror(errno));
            return false;
        }
    }
    for (size_t i = 0; i < daemon_state.workers_len; i++)
        if (pthread_create(&daemon_state.workers[i].thread, NULL, work,
                           &daemon_state.workers[i]) != 0)
            abort();
    log_line("ready: %zu queues from %u on", daemon_state.workers_len,
             daemon_state.options.first_queue);
    wait_for_the_end(signals);
    if (write(daemon_state.stop, &one, sizeof one) != sizeof one)
        abort();
    for (size_t i = 0; i < daemon_state.workers_len; i++)
        pthread_join(daemon_state.workers[i].thread, NULL);
    if (listener >= 0) {
        pthread_join(metrics, NULL);
        close(listener);
    }
    return !atomic_load(&daemon_state.queue_failed);
}

int main(int argc, char **argv) {
    sigset_t signals;
    daemon_state.options = options_read(argc, argv);
    log_set_rate(daemon_state.options.log_rate);
    /* Blocked in all threads that follow, and waited for in this one. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    /* Who reads the log may go away; connections are held to the policies all the same. */
    signal(SIGPIPE, SIG_IGN);

    const netpolicy_image *image = load(daemon_state.options.image);
    if (image == NULL)
        return 1;
    daemon_state.stop = eventfd(0, EFD_CLOEXEC);
    bool done = daemon_state.stop >= 0 &&
                netpolicy_handle_new(image, &daemon_state.handle) == NETPOLICY_RESULT_OK;
    netpolicy_image_free(image);
    done = done && run(&signals);
    close_queues();
    netpolicy_handle_free(daemon_state.handle);
    log_line(done ? "ended" : "ended with an error");
    return done ? 0 : 1;
}
