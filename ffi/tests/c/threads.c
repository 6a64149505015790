/* Many threads ask a handle while others replace its image. Every batch is answered by one
 * image, every image is freed once, and not before its last reader is gone.
 *
 *     threads [ROUNDS]
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "packet.h"

enum { READERS = 4, WRITERS = 2, PORTS = 16 };

static netpolicy_handle *handle;
static atomic_int stop, opened, released;
static int rounds = 2000;

/* An image lent to the library; who gets it back counts it, and spoils its bytes. */
struct lent {
    size_t len;
    uint8_t bytes[];
};

static void release(void *context) {
    struct lent *lent = context;
    memset(lent->bytes, 0xff, lent->len);
    free(lent);
    atomic_fetch_add(&released, 1);
}

static const netpolicy_image *lend(const netpolicy_image *original) {
    const uint8_t *bytes;
    const netpolicy_image *image;
    size_t len;
    OK(netpolicy_image_bytes(original, &bytes, &len));
    struct lent *lent = malloc(sizeof *lent + len);
    lent->len = len;
    memcpy(lent->bytes, bytes, len);
    OK(netpolicy_image_open(lent->bytes, len, release, lent, &image));
    atomic_fetch_add(&opened, 1);
    return image;
}

/* Two images: one allows every connection to the pod, the other none. */
static const netpolicy_image *compile(int denies) {
    netpolicy_cluster *cluster = netpolicy_cluster_new();
    netpolicy_address addresses[] = {address("10.0.0.1")};
    netpolicy_pod pod = {.name = STR("a"), .addresses = addresses, .addresses_len = 1};
    netpolicy_network_policy policy = {.name = STR("deny-all")};
    const netpolicy_image *image;
    OK(netpolicy_cluster_insert_pod(cluster, &pod));
    if (denies)
        OK(netpolicy_cluster_insert_network_policy(cluster, &policy));
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    netpolicy_cluster_free(cluster);
    return image;
}

static void *read_on(void *argument) {
    netpolicy_connection connections[PORTS];
    netpolicy_packet packets[PORTS];
    netpolicy_verdict verdicts[PORTS];
    size_t seen[4] = {0};
    (void)argument;
    for (int i = 0; i < PORTS; i++) {
        size_t len;
        connections[i] = (netpolicy_connection){address("192.0.2.1"), address("10.0.0.1"),
                                                (uint16_t)(i + 1), 6};
        packets[i].data = first_packet(&connections[i], &len);
        packets[i].len = len;
    }
    while (!atomic_load(&stop)) {
        OK(netpolicy_handle_verdicts(handle, connections, PORTS, verdicts));
        for (int i = 1; i < PORTS; i++)
            CHECK(verdicts[i] == verdicts[0]);
        OK(netpolicy_handle_verdicts_of_packets(handle, packets, PORTS, verdicts));
        for (int i = 1; i < PORTS; i++)
            CHECK(verdicts[i] == verdicts[0]);
        CHECK(verdicts[0] == NETPOLICY_VERDICT_ALLOW ||
              verdicts[0] == NETPOLICY_VERDICT_EGRESS_ONLY);
        seen[netpolicy_handle_verdict(handle, connections)]++;
        seen[netpolicy_handle_verdict_of_packet(handle, packets[0].data, packets[0].len)]++;

        /* What is loaded stays, whatever is replaced meanwhile. */
        const netpolicy_image *image = netpolicy_handle_load(handle);
        netpolicy_verdict first = netpolicy_image_verdict(image, connections);
        netpolicy_explanation *explanation;
        OK(netpolicy_image_explain(image, connections, &explanation));
        netpolicy_image_free(image);
        CHECK(netpolicy_explanation_verdict(explanation) == first);
        netpolicy_explanation_free(explanation);
    }
    for (int i = 0; i < PORTS; i++)
        free((void *)packets[i].data);
    CHECK(seen[NETPOLICY_VERDICT_DENY] == 0 && seen[NETPOLICY_VERDICT_INGRESS_ONLY] == 0);
    return NULL;
}

static void *replace(void *originals) {
    const netpolicy_image *const *images = originals;
    for (int round = 0; round < rounds; round++) {
        const netpolicy_image *image = lend(images[round % 2]);
        OK(netpolicy_handle_replace(handle, image));
        netpolicy_image_free(image);
    }
    return NULL;
}

int main(int argc, char **argv) {
    const netpolicy_image *images[] = {compile(0), compile(1)};
    const netpolicy_image *first = lend(images[0]);
    pthread_t readers[READERS], writers[WRITERS];
    if (argc > 1)
        rounds = atoi(argv[1]);
    OK(netpolicy_handle_new(first, &handle));
    netpolicy_image_free(first);
    for (int i = 0; i < READERS; i++)
        CHECK(pthread_create(&readers[i], NULL, read_on, NULL) == 0);
    for (int i = 0; i < WRITERS; i++)
        CHECK(pthread_create(&writers[i], NULL, replace, images) == 0);
    for (int i = 0; i < WRITERS; i++)
        CHECK(pthread_join(writers[i], NULL) == 0);
    atomic_store(&stop, 1);
    for (int i = 0; i < READERS; i++)
        CHECK(pthread_join(readers[i], NULL) == 0);
    /* All but the one in force. */
    CHECK(atomic_load(&opened) == WRITERS * rounds + 1);
    CHECK(atomic_load(&released) == WRITERS * rounds);
    netpolicy_handle_free(handle);
    CHECK(atomic_load(&released) == WRITERS * rounds + 1);
    netpolicy_image_free(images[0]);
    netpolicy_image_free(images[1]);
    printf("%d images replaced under %d readers\n", WRITERS * rounds, READERS);
    return 0;
}
