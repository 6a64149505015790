/* The conformance vectors through the C API: every verdict by connection, by raw packet, in
 * batches and as an explanation.
 *
 *     vectors FOLDER...
 */
#include <dirent.h>
#include <jansson.h>

#include "check.h"
#include "packet.h"

enum { MOST_ADDRESSES = 8, BATCH = 64 };

struct addresses {
    netpolicy_address all[MOST_ADDRESSES];
    size_t len;
};

struct counts {
    size_t files, probes, questions;
};

/* Questions that wait to be asked together. */
struct batch {
    const netpolicy_image *image;
    netpolicy_connection connections[BATCH];
    netpolicy_packet packets[BATCH];
    int expected[BATCH];
    size_t len;
};

static const char *string_at(json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void add(struct addresses *addresses, const char *text) {
    CHECK(addresses->len < MOST_ADDRESSES);
    addresses->all[addresses->len++] = address(text);
}

/* The addresses that a probe's end stands for: one, or those of a pod. */
static void resolve(json_t *manifests, const char *end, struct addresses *addresses) {
    const char *slash = strchr(end, '/');
    size_t index;
    json_t *object;
    addresses->len = 0;
    if (slash == NULL) {
        add(addresses, end);
        return;
    }
    json_array_foreach(manifests, index, object) {
        json_t *metadata = json_object_get(object, "metadata");
        const char *kind = string_at(object, "kind");
        const char *name_space = string_at(metadata, "namespace");
        const char *name = string_at(metadata, "name");
        if (kind == NULL || strcmp(kind, "Pod") != 0 || name == NULL)
            continue;
        if (name_space == NULL)
            name_space = "default";
        if (strlen(name_space) != (size_t)(slash - end) ||
            strncmp(name_space, end, slash - end) != 0 || strcmp(name, slash + 1) != 0)
            continue;
        json_t *status = json_object_get(object, "status");
        json_t *list = json_object_get(status, "podIPs");
        size_t at;
        json_t *entry;
        json_array_foreach(list, at, entry) add(addresses, string_at(entry, "ip"));
        if (addresses->len == 0 && string_at(status, "podIP") != NULL)
            add(addresses, string_at(status, "podIP"));
        return;
    }
    fprintf(stderr, "no such pod: %s\n", end);
    exit(1);
}

static uint8_t protocol_number(json_t *protocol) {
    static const struct {
        const char *name;
        uint8_t number;
    } known[] = {{"TCP", 6}, {"UDP", 17}, {"SCTP", 132}, {"ICMP", 1}, {"ICMPv6", 58}};
    if (json_is_integer(protocol))
        return (uint8_t)json_integer_value(protocol);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, json_string_value(protocol)) == 0)
            return known[i].number;
    fprintf(stderr, "no such protocol: %s\n", json_string_value(protocol));
    exit(1);
}

static void flush(struct batch *batch) {
    netpolicy_verdict by_connection[BATCH], by_packet[BATCH];
    OK(netpolicy_image_verdicts(batch->image, batch->connections, batch->len, by_connection));
    OK(netpolicy_image_verdicts_of_packets(batch->image, batch->packets, batch->len, by_packet));
    for (size_t i = 0; i < batch->len; i++) {
        CHECK((by_connection[i] == NETPOLICY_VERDICT_ALLOW) == batch->expected[i]);
        CHECK(by_packet[i] == by_connection[i]);
        free((void *)batch->packets[i].data);
    }
    batch->len = 0;
}

static void ask(struct batch *batch, const netpolicy_connection *connection, int expected,
                const char *file, json_t *probe) {
    size_t len;
    uint8_t *packet = first_packet(connection, &len);
    netpolicy_verdict verdict = netpolicy_image_verdict(batch->image, connection);
    netpolicy_explanation *explanation;
    OK(netpolicy_image_explain(batch->image, connection, &explanation));
    if ((verdict == NETPOLICY_VERDICT_ALLOW) != expected) {
        char text[4096], *question = json_dumps(probe, 0);
        netpolicy_explanation_text(explanation, true, text, sizeof text);
        fprintf(stderr, "%s: %s: %s\n", file, question, text);
        exit(1);
    }
    CHECK(netpolicy_explanation_verdict(explanation) == verdict);
    CHECK(netpolicy_image_verdict_of_packet(batch->image, packet, len) == verdict);
    netpolicy_explanation_free(explanation);

    batch->connections[batch->len] = *connection;
    batch->packets[batch->len] = (netpolicy_packet){packet, len};
    batch->expected[batch->len] = expected;
    if (++batch->len == BATCH)
        flush(batch);
}

static void run_probe(struct batch *batch, json_t *manifests, json_t *probe, const char *file,
                      struct counts *counts) {
    struct addresses sources, destinations;
    netpolicy_connection connection = {
        .protocol = protocol_number(json_array_get(probe, 2)),
        .port = (uint16_t)json_integer_value(json_array_get(probe, 3)),
    };
    const char *expect = json_string_value(json_array_get(probe, 4));
    size_t asked = 0;
    CHECK(strcmp(expect, "allow") == 0 || strcmp(expect, "deny") == 0);
    resolve(manifests, json_string_value(json_array_get(probe, 0)), &sources);
    resolve(manifests, json_string_value(json_array_get(probe, 1)), &destinations);
    for (size_t i = 0; i < sources.len; i++)
        for (size_t j = 0; j < destinations.len; j++) {
            connection.source = sources.all[i];
            connection.destination = destinations.all[j];
            if (is_v4(&connection.source) != is_v4(&connection.destination))
                continue;
            ask(batch, &connection, strcmp(expect, "allow") == 0, file, probe);
            asked++;
        }
    CHECK(asked > 0);
    counts->questions += asked;
    counts->probes++;
}

static const netpolicy_image *compile(json_t *manifests, const char *file) {
    char *text = json_dumps(manifests, JSON_COMPACT);
    netpolicy_cluster *cluster = netpolicy_cluster_new();
    const netpolicy_image *image;
    OK(netpolicy_cluster_read_text(cluster, netpolicy_str_of(file), netpolicy_str_of(text)));
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    netpolicy_cluster_free(cluster);
    free(text);
    return image;
}

static void run_file(const char *file, struct counts *counts) {
    json_error_t error;
    json_t *vector = json_load_file(file, 0, &error);
    if (vector == NULL) {
        fprintf(stderr, "%s:%d: %s\n", file, error.line, error.text);
        exit(1);
    }
    json_t *manifests = json_object_get(vector, "manifests");
    struct batch batch = {.image = compile(manifests, file)};
    size_t index;
    json_t *probe;
    json_array_foreach(json_object_get(vector, "probes"), index, probe)
        run_probe(&batch, manifests, probe, file, counts);
    flush(&batch);
    netpolicy_image_free(batch.image);
    json_decref(vector);
    counts->files++;
}

static void run_folder(const char *folder, struct counts *counts) {
    struct dirent *entry;
    DIR *directory = opendir(folder);
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        char path[4096];
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 5, ".json") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        run_file(path, counts);
    }
    closedir(directory);
}

int main(int argc, char **argv) {
    struct counts counts = {0};
    for (int i = 1; i < argc; i++)
        run_folder(argv[i], &counts);
    CHECK(counts.files > 0 && counts.probes > 0);
    printf("%zu files, %zu probes, %zu questions\n", counts.files, counts.probes,
           counts.questions);
    return 0;
}
