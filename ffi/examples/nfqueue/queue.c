#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <libnetfilter_queue/libnetfilter_queue.h>

/* A message about a packet: the packet's beginning and some attributes. */
enum { MESSAGE_SIZE = QUEUE_COPY + 1024 };

/* A verdict: header, packet id, mark. */
enum { VERDICT_SIZE = 64 };

enum { SOCKET_BUFFER = 8 << 20 };

struct queue {
    struct mnl_socket *socket;
    uint16_t number;
    uint32_t mark;
    size_t count; /* of packets */
    struct queued_packet packets[QUEUE_BATCH];
    struct mmsghdr headers[QUEUE_BATCH];
    struct iovec vectors[QUEUE_BATCH];
    char messages[QUEUE_BATCH][MESSAGE_SIZE];
    char verdicts[QUEUE_BATCH * VERDICT_SIZE];
};

static int send_config(struct queue *queue, struct nlmsghdr *message) {
    return mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0 ? -1 : 0;
}

/* Asks for an acknowledgement, and waits for it. */
static int configure(struct queue *queue, struct nlmsghdr *message) {
    char buffer[4096];
    message->nlmsg_flags |= NLM_F_ACK;
    if (send_config(queue, message) < 0)
        return -1;
    ssize_t len = mnl_socket_recvfrom(queue->socket, buffer, sizeof buffer);
    if (len < 0)
        return -1;
    return mnl_cb_run(buffer, (size_t)len, 0, mnl_socket_get_portid(queue->socket), NULL, NULL);
}

static int bind_queue(struct queue *queue, const struct queue_options *options) {
    char buffer[4096];
    struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->number);
    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    if (configure(queue, message) < 0)
        return -1;

    /* Big packets come as they are: nobody here looks at checksums or segments. */
    uint32_t flags = NFQA_CFG_F_GSO | (options->fail_open ? NFQA_CFG_F_FAIL_OPEN : 0);
    message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->number);
    nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, QUEUE_COPY);
    nfq_nlmsg_cfg_put_qmaxlen(message, 16384);
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(flags));
    mnl_attr_put_u32(message, NFQA_CFG_MASK,
                     htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
    return send_config(queue, message);
}

static void tune(struct queue *queue) {
    int descriptor = mnl_socket_get_fd(queue->socket), size = SOCKET_BUFFER, on = 1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    /* When the socket is full the kernel drops, and counts: `queue_drops`. */
    mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &on, sizeof on);
}

struct queue *queue_open(uint16_t number, const struct queue_options *options) {
    struct queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    queue->number = number;
    queue->mark = options->mark;
    for (size_t i = 0; i < QUEUE_BATCH; i++) {
        queue->vectors[i] = (struct iovec){queue->messages[i], MESSAGE_SIZE};
        queue->headers[i].msg_hdr.msg_iov = &queue->vectors[i];
        queue->headers[i].msg_hdr.msg_iovlen = 1;
    }
    queue->socket = mnl_socket_open(NETLINK_NETFILTER);
    if (queue->socket == NULL || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        bind_queue(queue, options) < 0) {
        int error = errno;
        queue_close(queue);
        errno = error;
        return NULL;
    }
    tune(queue);
    return queue;
}

void queue_close(struct queue *queue) {
    if (queue == NULL)
        return;
    if (queue->socket != NULL)
        mnl_socket_close(queue->socket);
    free(queue);
}

/* Adds the packet that a message tells of. */
static int take(const struct nlmsghdr *message, void *context) {
    struct queue *queue = context;
    struct nlattr *attributes[NFQA_MAX + 1] = {NULL};
    if (NFNL_MSG_TYPE(message->nlmsg_type) != NFQNL_MSG_PACKET || queue->count == QUEUE_BATCH ||
        nfq_nlmsg_parse(message, attributes) < 0 || attributes[NFQA_PACKET_HDR] == NULL)
        return MNL_CB_OK;
    const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);
    const struct nlattr *payload = attributes[NFQA_PAYLOAD], *mark = attributes[NFQA_MARK];
    queue->packets[queue->count++] = (struct queued_packet){
        .id = ntohl(header->packet_id),
        /* Without a payload there is nothing to accept it for. */
        .data = payload == NULL ? NULL : mnl_attr_get_payload(payload),
        .len = payload == NULL ? 0 : mnl_attr_get_payload_len(payload),
        .mark = mark == NULL ? 0 : ntohl(mnl_attr_get_u32(mark)),
    };
    return MNL_CB_OK;
}

/* Takes what is there, without waiting for more. */
static int receive(struct queue *queue) {
    int descriptor = mnl_socket_get_fd(queue->socket);
    int received = recvmmsg(descriptor, queue->headers, QUEUE_BATCH, MSG_DONTWAIT, NULL);
    queue->count = 0;
    if (received < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -1;
    for (int i = 0; i < received; i++)
        /* An error that the kernel reports concerns a verdict on a packet that is gone. */
        (void)mnl_cb_run(queue->messages[i], queue->headers[i].msg_len, 0, 0, take, queue);
    return 0;
}

/* Whether one verdict says what is to be said of both packets. */
static bool same_verdict(const struct queue *queue, const struct queued_packet *a,
                         const struct queued_packet *b) {
    return a->accept == b->accept && (!a->accept || queue->mark == 0 || a->mark == b->mark);
}

/* Writes one verdict on a run of packets, of which this is the last. */
static size_t put_verdict(struct queue *queue, char *out, const struct queued_packet *last,
                          size_t run) {
    /* A batch verdict is on every packet that still waits up to its id. All before the run have
     * had theirs. */
    int type = run == 1 ? NFQNL_MSG_VERDICT : NFQNL_MSG_VERDICT_BATCH;
    struct nlmsghdr *message = nfq_nlmsg_put(out, type, queue->number);
    nfq_nlmsg_verdict_put(message, (int)last->id, last->accept ? NF_ACCEPT : NF_DROP);
    /* Others on the machine have marks as well, such as kube-proxy for what it masquerades. */
    if (last->accept && queue->mark != 0)
        nfq_nlmsg_verdict_put_mark(message, last->mark | queue->mark);
    return message->nlmsg_len;
}

/* Sends the verdicts on all packets, as few messages in one call. */
static int answer(struct queue *queue) {
    size_t len = 0, run = 0;
    for (size_t i = 0; i < queue->count; i++) {
        const struct queued_packet *packet = &queue->packets[i];
        run++;
        if (i + 1 < queue->count && same_verdict(queue, packet, packet + 1))
            continue;
        len += put_verdict(queue, queue->verdicts + len, packet, run);
        run = 0;
    }
    return len == 0 || mnl_socket_sendto(queue->socket, queue->verdicts, len) >= 0 ? 0 : -1;
}

bool queue_drops(uint16_t number, struct queue_drops *drops) {
    FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
    bool found = false;
    unsigned known;
    if (file == NULL)
        return false;
    /* Number, port, length, copy mode, copy range, and then the two. */
    while (!found && fscanf(file, "%u %*u %*u %*u %*u %lu %lu%*[^\n]", &known, &drops->queue_full,
                            &drops->socket_full) == 3)
        found = known == number;
    fclose(file);
    return found;
}

int queue_run(struct queue *queue, const struct queue_handler *handler, int stop) {
    struct pollfd wait[] = {
        {.fd = mnl_socket_get_fd(queue->socket), .events = POLLIN},
        {.fd = stop, .events = POLLIN},
    };
    for (;;) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (wait[1].revents != 0)
            return 0;
        if (receive(queue) < 0)
            return -1;
        if (queue->count == 0)
            continue;
        handler->judge(handler->context, queue->packets, queue->count);
        if (answer(queue) < 0)
            return -1;
        if (handler->account != NULL)
            handler->account(handler->context, queue->packets, queue->count);
    }
}
