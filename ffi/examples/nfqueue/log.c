#include "log.h"

#include <ctype.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    unsigned rate;
    double tokens;
    struct timespec filled;
    unsigned long suppressed;
} limit = {.lock = PTHREAD_MUTEX_INITIALIZER, .rate = 10};

void log_set_rate(unsigned per_second) {
    pthread_mutex_lock(&limit.lock);
    limit.rate = per_second;
    pthread_mutex_unlock(&limit.lock);
}

/* Whether a line can be written without waiting for whoever reads the log: packets wait for
 * the thread that would. */
static bool has_room(void) {
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&log, 1, 0) == 1 && (log.revents & POLLOUT) != 0;
}

void log_line(const char *format, ...) {
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    size_t end = strlen(line);
    /* Names come from manifests, and a line is a line. */
    for (size_t i = 0; i < end; i++)
        if (iscntrl((unsigned char)line[i]))
            line[i] = '?';
    line[end] = '\n';
    if (has_room())
        fwrite(line, 1, end + 1, stderr);
}

bool log_may_tell_denial(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&limit.lock);
    double passed = (double)(now.tv_sec - limit.filled.tv_sec) +
                    (double)(now.tv_nsec - limit.filled.tv_nsec) / 1e9;
    limit.filled = now;
    limit.tokens += passed * limit.rate;
    if (limit.tokens > limit.rate)
        limit.tokens = limit.rate;
    bool may = limit.tokens >= 1;
    unsigned long suppressed = 0;
    if (may) {
        limit.tokens -= 1;
        suppressed = limit.suppressed;
        limit.suppressed = 0;
    } else {
        limit.suppressed++;
    }
    pthread_mutex_unlock(&limit.lock);
    if (suppressed != 0)
        log_line("%lu denials were not told", suppressed);
    return may;
}

void log_denial(const char *text) { log_line("%s", text); }
