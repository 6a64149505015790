#include "metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* How long one that asks is waited for, in seconds. */
enum { PATIENCE = 1 };

int metrics_listen(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 8) < 0) {
        int error = errno;
        close(listener);
        errno = error;
        return -1;
    }
    return listener;
}

static time_t seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Who reads slowly gets what there is time for: others wait, and so does the end. */
static void send_all(int connection, const char *bytes, size_t len) {
    time_t end = seconds() + PATIENCE;
    while (len != 0) {
        ssize_t sent = send(connection, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0 || seconds() > end)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* Whatever is asked, the counters are the answer. */
static void answer(int connection, void (*write)(void *, FILE *), void *context) {
    struct timeval patience = {.tv_sec = PATIENCE};
    char request[4096], header[128], *body = NULL;
    size_t len = 0;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (recv(connection, request, sizeof request, 0) <= 0)
        return;
    FILE *out = open_memstream(&body, &len);
    if (out == NULL)
        return;
    write(context, out);
    if (fclose(out) == 0) {
        int header_len = snprintf(header, sizeof header,
                                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                                  "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                                  len);
        send_all(connection, header, (size_t)header_len);
        send_all(connection, body, len);
    }
    free(body);
}

void metrics_serve(int listener, void (*write)(void *, FILE *), void *context, int stop) {
    struct pollfd wait[] = {{.fd = listener, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
    for (;;) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            return;
        if (wait[1].revents != 0)
            return;
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            continue;
        answer(connection, write, context);
        close(connection);
    }
}
