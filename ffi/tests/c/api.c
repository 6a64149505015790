/* What the C API promises besides verdicts: objects one by one, errors that name object and
 * field, memory of the caller, images in place, packets, explanations.
 *
 *     api FOLDER     (a folder to write in)
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "packet.h"

static const char POLICY[] =
    "apiVersion: networking.k8s.io/v1\n"
    "kind: NetworkPolicy\n"
    "metadata: {name: web, namespace: shop}\n"
    "spec:\n"
    "  podSelector: {matchLabels: {app: web}}\n"
    "  ingress:\n"
    "    - from:\n"
    "        - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}\n"
    "      ports: [{port: http}]\n";

/* A pod `shop/web` at 10.2.0.1 and fd00::1, with port http = 8080. */
static void insert_web(netpolicy_cluster *cluster) {
    netpolicy_address addresses[] = {address("10.2.0.1"), address("fd00::1")};
    netpolicy_label labels[] = {{STR("app"), STR("web")}};
    netpolicy_named_port ports[] = {{STR("http"), 8080, 6}};
    netpolicy_pod pod = {
        .namespace_name = STR("shop"),
        .name = STR("web"),
        .labels = labels,
        .labels_len = 1,
        .addresses = addresses,
        .addresses_len = 2,
        .ports = ports,
        .ports_len = 1,
        .phase = NETPOLICY_PHASE_RUNNING,
    };
    OK(netpolicy_cluster_insert_pod(cluster, &pod));
}

static netpolicy_cluster *shop(void) {
    netpolicy_cluster *cluster = netpolicy_cluster_new();
    insert_web(cluster);
    OK(netpolicy_cluster_read_text(cluster, STR("shop.yaml"), netpolicy_str_of(POLICY)));
    return cluster;
}

static netpolicy_connection tcp(const char *source, const char *destination, uint16_t port) {
    return (netpolicy_connection){address(source), address(destination), port, 6};
}

static netpolicy_verdict asked(const netpolicy_image *image, const char *source,
                               const char *destination, uint16_t port) {
    netpolicy_connection connection = tcp(source, destination, port);
    return netpolicy_image_verdict(image, &connection);
}

static void check_shop(const netpolicy_image *image) {
    CHECK(asked(image, "10.0.0.9", "10.2.0.1", 8080) == NETPOLICY_VERDICT_ALLOW);
    CHECK(asked(image, "10.0.0.9", "10.2.0.1", 80) == NETPOLICY_VERDICT_EGRESS_ONLY);
    CHECK(asked(image, "10.1.0.9", "10.2.0.1", 8080) == NETPOLICY_VERDICT_EGRESS_ONLY);
    CHECK(asked(image, "fd00::9", "fd00::1", 8080) == NETPOLICY_VERDICT_EGRESS_ONLY);
    CHECK(asked(image, "10.2.0.1", "10.9.9.9", 80) == NETPOLICY_VERDICT_ALLOW);
}

static void versions(void) {
    CHECK(strchr(netpolicy_version(), '.') != NULL);
    CHECK(netpolicy_image_format_version() >> 16 == 1);
    CHECK(strcmp(netpolicy_result_name(NETPOLICY_RESULT_OK), "ok") == 0);
    CHECK(strcmp(netpolicy_result_name(NETPOLICY_RESULT_PACKET_MAPPED_ADDRESS),
                 "packet with IPv4-mapped address") == 0);
    CHECK(strcmp(netpolicy_result_name(9999), "unknown") == 0);
}

static void addresses(void) {
    char text[64];
    uint8_t v4[] = {10, 2, 0, 1};
    netpolicy_address parsed, from_bytes = netpolicy_address_v4(v4);
    OK(netpolicy_address_parse(STR("10.2.0.1"), &parsed));
    CHECK(memcmp(parsed.bytes, from_bytes.bytes, 16) == 0);
    CHECK(netpolicy_address_text(&parsed, text, sizeof text) == 8);
    CHECK(strcmp(text, "10.2.0.1") == 0);
    CHECK(netpolicy_address_text(&parsed, text, 5) == 8);
    CHECK(strcmp(text, "10.2") == 0);
    CHECK(netpolicy_address_text(&parsed, NULL, 0) == 8);
    parsed = netpolicy_address_v6(address("fd00::1").bytes);
    CHECK(netpolicy_address_text(&parsed, text, sizeof text) == 7);
    FAILS(netpolicy_address_parse(STR("10.2.0"), &parsed), NETPOLICY_RESULT_INVALID_ARGUMENT);
    MESSAGE("text: \"10.2.0\": not an IP address");
    CHECK(memcmp(parsed.bytes, address("fd00::1").bytes, 16) == 0);
}

/* The policy of POLICY, as an object. */
static void objects(void) {
    netpolicy_cluster *cluster = netpolicy_cluster_new();
    netpolicy_label labels[] = {{STR("app"), STR("web")}};
    netpolicy_str except[] = {STR("10.1.0.0/16")};
    netpolicy_ip_block block = {STR("10.0.0.0/8"), except, 1};
    netpolicy_network_policy_peer peers[] = {{.ip_block = &block}};
    netpolicy_port ports[] = {{.name = STR("http")}};
    netpolicy_network_policy_rule rules[] = {{peers, 1, ports, 1}};
    netpolicy_network_policy policy = {
        .namespace_name = STR("shop"),
        .name = STR("web"),
        .pod_selector = {.match_labels = labels, .match_labels_len = 1},
        .ingress = rules,
        .ingress_len = 1,
    };
    const netpolicy_image *image;
    insert_web(cluster);
    OK(netpolicy_cluster_insert_network_policy(cluster, &policy));
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    check_shop(image);
    netpolicy_image_free(image);

    /* What is wrong is told by object and field, and loses nothing else. */
    except[0] = STR("11.0.0.0/16");
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("NetworkPolicy shop/web: spec.ingress[0].from[0].ipBlock.except[0]: does not lie "
            "strictly inside 10.0.0.0/8: every exception must be a smaller block within cidr");
    except[0] = STR("10.1.0.0");
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("NetworkPolicy shop/web: spec.ingress[0].from[0].ipBlock.except[0]: \"10.1.0.0\": "
            "an address, not a CIDR: append /32 to mean just this address");
    except[0] = STR("10.1.0.0/16");
    ports[0] = (netpolicy_port){.port = 80, .end_port = 79};
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("NetworkPolicy shop/web: spec.ingress[0].ports[0].endPort: the range ends before it "
            "begins: 79 is smaller than 80");
    ports[0] = (netpolicy_port){.port = 65536};
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("NetworkPolicy shop/web: spec.ingress[0].ports[0].port: port 65536 is out of range: "
            "ports are 1 to 65535");
    peers[0].ip_block = NULL;
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    rules[0].peers = NULL;
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_NULL_POINTER);
    MESSAGE("NetworkPolicy shop/web: spec.ingress[0].from: is NULL");
    labels[0].value = STR("\xff");
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_UTF8);
    MESSAGE("NetworkPolicy shop/web: spec.podSelector.matchLabels[0].value: not UTF-8 from byte "
            "0 on");
    policy.name = STR("");
    FAILS(netpolicy_cluster_insert_network_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("NetworkPolicy shop/(no name): metadata.name: is required");
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    check_shop(image);
    netpolicy_image_free(image);
    netpolicy_cluster_free(cluster);
}

/* What an API refuses is refused alone, and does not keep the rest from being compiled. */
static void pods(void) {
    netpolicy_cluster *cluster = shop();
    netpolicy_named_port ports[] = {{STR("http"), 80, 6}, {STR(""), 81, 6}};
    netpolicy_pod pod = {.name = STR("p"), .ports = ports, .ports_len = 2};
    const netpolicy_image *image;
    FAILS(netpolicy_cluster_insert_pod(cluster, &pod), NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("Pod default/p: ports[1].name: is required: leave ports without a name out");
    ports[1] = (netpolicy_named_port){STR("dns"), 0, 17};
    FAILS(netpolicy_cluster_insert_pod(cluster, &pod), NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("Pod default/p: ports[1].containerPort: port 0 is out of range: ports are 1 to 65535");
    pod.ports_len = (size_t)-1;
    FAILS(netpolicy_cluster_insert_pod(cluster, &pod), NETPOLICY_RESULT_INVALID_ARGUMENT);
    pod.ports = (const netpolicy_named_port *)(const void *)1;
    pod.ports_len = 1;
    FAILS(netpolicy_cluster_insert_pod(cluster, &pod), NETPOLICY_RESULT_INVALID_ARGUMENT);
    MESSAGE("Pod default/p: ports: is not aligned to 8 bytes");
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    CHECK(netpolicy_image_pod_count(image) == 1);
    netpolicy_image_free(image);

    /* A NUL in a name does not end the message. */
    pod = (netpolicy_pod){.name = STR("a\0b"), .phase = 77};
    FAILS(netpolicy_cluster_insert_pod(cluster, &pod), NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("Pod default/a\xef\xbf\xbd"
            "b: status.phase: unknown phase: use Pending, Running, Succeeded, Failed or Unknown");
    netpolicy_cluster_free(cluster);
}

static void cluster_policies(void) {
    netpolicy_cluster *cluster = netpolicy_cluster_new();
    netpolicy_label labels[] = {{STR("team"), STR("shop")}};
    netpolicy_namespace name_space = {STR("shop"), labels, 1};
    netpolicy_address node_addresses[] = {address("192.168.0.1")};
    netpolicy_node node = {STR("worker"), labels, 1, node_addresses, 1};
    netpolicy_selector everything = {0};
    netpolicy_requirement in_team[] = {{STR("team"), NETPOLICY_OPERATOR_EXISTS, NULL, 0}};
    netpolicy_selector team_nodes = {.match_expressions = in_team, .match_expressions_len = 1};
    netpolicy_str networks[] = {STR("192.0.2.0/24")}, domains[] = {STR("*.example.com")};
    netpolicy_cluster_policy_peer by_network[] = {{.networks = networks, .networks_len = 1}};
    netpolicy_cluster_policy_peer by_name[] = {{.domain_names = domains, .domain_names_len = 1}};
    netpolicy_cluster_policy_peer by_node[] = {{.nodes = &team_nodes}};
    netpolicy_cluster_policy_peer by_namespace[] = {{.namespaces = &everything}};
    netpolicy_cluster_policy_rule egress[] = {
        {STR("names"), NETPOLICY_ACTION_ALLOW, by_name, 1, NULL, 0},
        {STR("nodes"), NETPOLICY_ACTION_DENY, by_node, 1, NULL, 0},
        {STR("docs"), NETPOLICY_ACTION_DENY, by_network, 1, NULL, 0},
    };
    netpolicy_cluster_policy_rule ingress[] = {
        {STR("pods"), NETPOLICY_ACTION_ALLOW, by_namespace, 1, NULL, 0},
    };
    netpolicy_cluster_policy policy = {
        .api = NETPOLICY_API_CLUSTER_ADMIN,
        .priority = 7,
        .name = STR("outward"),
        .subject = {.namespace_selector = {.match_labels = labels, .match_labels_len = 1}},
        .egress = egress,
        .egress_len = 3,
        .ingress = ingress,
        .ingress_len = 1,
    };
    netpolicy_address resolved[] = {address("192.0.2.80")};
    netpolicy_domain_name domain = {STR("www.example.com"), resolved, 1};
    netpolicy_connection connection = tcp("10.2.0.1", "192.0.2.1", 443);
    netpolicy_explanation *explanation;
    netpolicy_decision decision;
    netpolicy_consulted consulted;
    const netpolicy_image *image;

    insert_web(cluster);
    OK(netpolicy_cluster_insert_namespace(cluster, &name_space));
    OK(netpolicy_cluster_insert_node(cluster, &node));
    OK(netpolicy_cluster_insert_cluster_policy(cluster, &policy));
    OK(netpolicy_cluster_insert_domain_name(cluster, &domain));
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    CHECK(netpolicy_image_pod_count(image) == 1 && netpolicy_image_policy_count(image) == 1);
    CHECK(asked(image, "10.2.0.1", "192.0.2.80", 443) == NETPOLICY_VERDICT_ALLOW);
    CHECK(asked(image, "10.2.0.1", "192.168.0.1", 443) == NETPOLICY_VERDICT_INGRESS_ONLY);
    CHECK(asked(image, "10.2.0.1", "198.51.100.1", 443) == NETPOLICY_VERDICT_ALLOW);

    OK(netpolicy_image_explain(image, &connection, &explanation));
    netpolicy_image_free(image);
    CHECK(netpolicy_explanation_verdict(explanation) == NETPOLICY_VERDICT_INGRESS_ONLY);
    OK(netpolicy_explanation_decision(explanation, NETPOLICY_DIRECTION_EGRESS, &decision));
    CHECK(!decision.allowed && decision.reason == NETPOLICY_REASON_RULE &&
          decision.tier == NETPOLICY_TIER_ADMIN);
    CHECK(equals(decision.policy.kind, "ClusterNetworkPolicy") &&
          equals(decision.policy.name, "outward") && decision.policy.namespace_name.len == 0 &&
          decision.policy.priority == 7);
    CHECK(equals(decision.rule.name, "docs") && decision.rule.index == 2 &&
          decision.rule.action == NETPOLICY_ACTION_DENY);
    OK(netpolicy_explanation_decision(explanation, NETPOLICY_DIRECTION_INGRESS, &decision));
    CHECK(decision.allowed && decision.reason == NETPOLICY_REASON_NOT_A_POD &&
          decision.tier == NETPOLICY_TIER_NONE && decision.policy.kind.len == 0 &&
          decision.rule.index == -1);
    OK(netpolicy_explanation_policy(explanation, NETPOLICY_DIRECTION_EGRESS, 0, &consulted));
    CHECK(consulted.outcome == NETPOLICY_OUTCOME_MATCHES && consulted.rule.index == 2);
    FAILS(netpolicy_explanation_policy(explanation, NETPOLICY_DIRECTION_EGRESS, 1, &consulted),
          NETPOLICY_RESULT_NOT_FOUND);
    FAILS(netpolicy_explanation_decision(explanation, 3, &decision),
          NETPOLICY_RESULT_INVALID_ARGUMENT);
    netpolicy_explanation_free(explanation);

    /* What only the API of the kind forbids. */
    egress[0].action = NETPOLICY_ACTION_DENY;
    FAILS(netpolicy_cluster_insert_cluster_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("ClusterNetworkPolicy outward: spec.egress[0]: domainNames are for rules that allow: "
            "use Accept (or Allow), or another peer");
    by_name[0].networks = networks;
    by_name[0].networks_len = 1;
    FAILS(netpolicy_cluster_insert_cluster_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    MESSAGE("ClusterNetworkPolicy outward: spec.egress[0].to[0]: a peer has exactly one field: "
            "make several of it");
    policy.priority = 1001;
    FAILS(netpolicy_cluster_insert_cluster_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_OBJECT);
    policy.api = 9;
    FAILS(netpolicy_cluster_insert_cluster_policy(cluster, &policy),
          NETPOLICY_RESULT_INVALID_ARGUMENT);
    netpolicy_cluster_free(cluster);
}

static void manifests(void) {
    static const char text[] =
        "apiVersion: networking.k8s.io/v1\n"
        "kind: NetworkPolicy\n"
        "metadata: {name: a}\n"
        "spec: {podSelektor: {}}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {name: p}\n"
        "spec: {}\n"
        "status: {podIP: 10.0.0.1}\n";
    netpolicy_cluster *cluster = netpolicy_cluster_new();
    netpolicy_diagnostic diagnostic;
    const netpolicy_image *image;
    FAILS(netpolicy_cluster_read_text(cluster, STR("a.yaml"), netpolicy_str_of(text)),
          NETPOLICY_RESULT_INVALID_MANIFEST);
    MESSAGE("a.yaml:4:21: error: NetworkPolicy default/a: spec.podSelektor: unknown field: did you "
            "mean podSelector?");
    CHECK(netpolicy_cluster_diagnostic_count(cluster) == 1);
    OK(netpolicy_cluster_diagnostic(cluster, 0, &diagnostic));
    CHECK(diagnostic.is_error && diagnostic.line == 4);
    CHECK(equals(diagnostic.file, "a.yaml") && equals(diagnostic.path, "spec.podSelektor") &&
          equals(diagnostic.object, "NetworkPolicy default/a"));
    FAILS(netpolicy_cluster_diagnostic(cluster, 1, &diagnostic), NETPOLICY_RESULT_NOT_FOUND);
    FAILS(netpolicy_cluster_read_path(cluster, STR("/no/such/file.yaml")),
          NETPOLICY_RESULT_INVALID_MANIFEST);
    FAILS(netpolicy_cluster_read_text(cluster, STR("b"), STR("\xff")),
          NETPOLICY_RESULT_INVALID_UTF8);
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    CHECK(netpolicy_image_pod_count(image) == 1);
    netpolicy_image_free(image);
    netpolicy_cluster_free(cluster);
}

static void count_release(void *context) { ++*(int *)context; }

/* Compiles into memory of the caller, and opens it there and from a mapped file. */
static void memory(const char *folder) {
    netpolicy_cluster *cluster = shop();
    netpolicy_compile_report report = {0};
    uint8_t small[64], untouched[64];
    const netpolicy_image *image = NULL;
    size_t working_len = 1 << 20, out_len;
    uint8_t *working = malloc(working_len), *out;
    char path[4096];
    int releases = 0;

    memset(small, 0xaa, sizeof small);
    memcpy(untouched, small, sizeof small);
    FAILS(netpolicy_cluster_compile_into(cluster, NULL, small, sizeof small, small, 0, &report),
          NETPOLICY_RESULT_WORKING_MEMORY_TOO_SMALL);
    CHECK(netpolicy_last_error_needed() > sizeof small);
    memcpy(small, untouched, sizeof small);
    FAILS(netpolicy_cluster_compile_into(cluster, NULL, working, working_len, small, sizeof small,
                                         &report),
          NETPOLICY_RESULT_OUTPUT_TOO_SMALL);
    out_len = netpolicy_last_error_needed();
    CHECK(memcmp(small, untouched, sizeof small) == 0 && report.image_bytes == 0);
    FAILS(netpolicy_cluster_compile_into(cluster, NULL, NULL, 0, small, sizeof small, &report),
          NETPOLICY_RESULT_OUTPUT_TOO_SMALL);
    CHECK(netpolicy_last_error_needed() == out_len);

    /* At an odd address: nothing needs alignment. */
    out = malloc(out_len + 1);
    OK(netpolicy_cluster_compile_into(cluster, NULL, working, working_len, out + 1, out_len,
                                      &report));
    CHECK(report.image_bytes == out_len && report.pods == 1 && report.policies == 1);
    OK(netpolicy_cluster_compile_into(cluster, NULL, NULL, 0, out, out_len, NULL));
    OK(netpolicy_cluster_compile_into(cluster, NULL, NULL, 0, out + 1, out_len, NULL));
    OK(netpolicy_image_open(out + 1, out_len, count_release, &releases, &image));
    check_shop(image);
    OK(netpolicy_image_verify_checksum(image));
    {
        const uint8_t *bytes;
        size_t len;
        OK(netpolicy_image_bytes(image, &bytes, &len));
        CHECK(bytes == out + 1 && len == out_len);
    }
    const netpolicy_image *clone = netpolicy_image_clone(image);
    netpolicy_image_free(image);
    CHECK(releases == 0);
    check_shop(clone);
    netpolicy_image_free(clone);
    CHECK(releases == 1);

    snprintf(path, sizeof path, "%s/image.npi", folder);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(out + 1, 1, out_len, file) == out_len && fclose(file) == 0);
    int descriptor = open(path, O_RDONLY);
    uint8_t *mapped = mmap(NULL, out_len, PROT_READ, MAP_PRIVATE, descriptor, 0);
    CHECK(descriptor >= 0 && mapped != MAP_FAILED && close(descriptor) == 0);
    OK(netpolicy_image_open(mapped, out_len, NULL, NULL, &image));
    check_shop(image);
    netpolicy_image_free(image);
    CHECK(munmap(mapped, out_len) == 0);

    /* What is no image, or a damaged one, is told, and stays the caller's. */
    image = NULL;
    FAILS(netpolicy_image_open(small, sizeof small, count_release, &releases, &image),
          NETPOLICY_RESULT_NOT_AN_IMAGE);
    FAILS(netpolicy_image_open(out + 1, out_len - 1, count_release, &releases, &image),
          NETPOLICY_RESULT_IMAGE_TRUNCATED);
    FAILS(netpolicy_image_open(NULL, 0, count_release, &releases, &image),
          NETPOLICY_RESULT_IMAGE_TRUNCATED);
    FAILS(netpolicy_image_open(NULL, 9, count_release, &releases, &image),
          NETPOLICY_RESULT_NULL_POINTER);
    out[1 + 8] = 9;
    FAILS(netpolicy_image_open(out + 1, out_len, count_release, &releases, &image),
          NETPOLICY_RESULT_IMAGE_VERSION);
    CHECK(image == NULL && releases == 1);

    netpolicy_options options = {.flags = 1u << 31};
    FAILS(netpolicy_cluster_compile(cluster, &options, &image, NULL),
          NETPOLICY_RESULT_INVALID_ARGUMENT);
    options = (netpolicy_options){.flags = NETPOLICY_OPTION_IP_BLOCK_SPARES_PODS};
    OK(netpolicy_cluster_compile(cluster, &options, &image, &report));
    netpolicy_image_free(image);
    free(out);
    free(working);
    netpolicy_cluster_free(cluster);
}

static void packets(void) {
    netpolicy_cluster *cluster = shop();
    const netpolicy_image *image;
    netpolicy_connection connection = tcp("10.0.0.9", "10.2.0.1", 8080), read;
    size_t len;
    uint8_t *packet = first_packet(&connection, &len);
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    OK(netpolicy_connection_of_packet(packet, len, &read));
    CHECK(memcmp(&read.source, &connection.source, 16) == 0 && read.port == 8080 &&
          read.protocol == 6);
    CHECK(netpolicy_image_verdict_of_packet(image, packet, len) == NETPOLICY_VERDICT_ALLOW);
    for (size_t cut = 0; cut < len; cut++) {
        /* Memory of exactly that size, for those who watch it. */
        uint8_t *front = malloc(cut + !cut);
        memcpy(front, packet, cut);
        CHECK(netpolicy_image_verdict_of_packet(image, front, cut) == NETPOLICY_VERDICT_DENY);
        FAILS(netpolicy_connection_of_packet(front, cut, &read),
              cut == 0 ? NETPOLICY_RESULT_PACKET_NOT_IP : NETPOLICY_RESULT_PACKET_TRUNCATED);
        free(front);
    }
    packet[6] = 0x01;
    FAILS(netpolicy_connection_of_packet(packet, len, &read),
          NETPOLICY_RESULT_PACKET_LATER_FRAGMENT);
    CHECK(netpolicy_image_verdict_of_packet(image, packet, len) == NETPOLICY_VERDICT_DENY);
    srand(1);
    for (int i = 0; i < 20000; i++) {
        size_t noise_len = (size_t)rand() % 80;
        uint8_t *noise = malloc(noise_len + !noise_len);
        for (size_t at = 0; at < noise_len; at++)
            noise[at] = (uint8_t)rand();
        if (noise_len != 0)
            noise[0] = rand() % 2 ? 0x45 : 0x60;
        netpolicy_verdict verdict = netpolicy_image_verdict_of_packet(image, noise, noise_len);
        CHECK(netpolicy_connection_of_packet(noise, noise_len, &read) == NETPOLICY_RESULT_OK ||
              verdict == NETPOLICY_VERDICT_DENY);
        free(noise);
    }
    free(packet);
    netpolicy_image_free(image);
    netpolicy_cluster_free(cluster);
}

static void explanations(void) {
    netpolicy_cluster *cluster = shop();
    netpolicy_connection connection = tcp("10.1.0.9", "10.2.0.1", 8080);
    netpolicy_explanation *explanation;
    netpolicy_decision decision;
    netpolicy_consulted consulted;
    const netpolicy_image *image;
    char text[4096], cut[16];
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    OK(netpolicy_image_explain(image, &connection, &explanation));
    OK(netpolicy_explanation_decision(explanation, NETPOLICY_DIRECTION_INGRESS, &decision));
    CHECK(!decision.allowed && decision.reason == NETPOLICY_REASON_ISOLATED &&
          decision.tier == NETPOLICY_TIER_NETWORK_POLICY && decision.rule.index == -1);
    CHECK(equals(decision.policy.namespace_name, "shop") && equals(decision.policy.name, "web") &&
          equals(decision.policy.file, "shop.yaml") && decision.policy.line == 1 &&
          decision.policy.priority == -1);
    OK(netpolicy_explanation_policy(explanation, NETPOLICY_DIRECTION_INGRESS, 0, &consulted));
    CHECK(consulted.outcome == NETPOLICY_OUTCOME_MISSES_PEER && consulted.rule.index == 0 &&
          consulted.rule.line == 7);
    size_t len = netpolicy_explanation_text(explanation, false, text, sizeof text);
    CHECK(len == strlen(text));
    CHECK(strcmp(text, "deny 10.1.0.9 (external) -> shop/web (10.2.0.1) TCP 8080: ingress denied: "
                       "shop/web (10.2.0.1) is isolated by NetworkPolicy shop/web (ingress[0] "
                       "matches the port but not the peer)") == 0);
    CHECK(netpolicy_explanation_text(explanation, false, cut, sizeof cut) == len);
    CHECK(strlen(cut) == sizeof cut - 1 && strncmp(cut, text, sizeof cut - 1) == 0);
    CHECK(netpolicy_explanation_text(explanation, false, NULL, 0) == len);
    CHECK(netpolicy_explanation_text(explanation, false, NULL, 9) == len);
    for (size_t room = 0; room <= len + 1; room++) {
        char *exact = malloc(room + !room);
        exact[0] = '!';
        CHECK(netpolicy_explanation_text(explanation, false, exact, room) == len);
        if (room == 0)
            CHECK(exact[0] == '!');
        else
            CHECK(strlen(exact) == room - 1 && strncmp(exact, text, room - 1) == 0);
        free(exact);
    }
    CHECK(netpolicy_explanation_text(explanation, true, text, sizeof text) > len);
    CHECK(strstr(text, "shop.yaml:1") != NULL);
    netpolicy_explanation_free(explanation);
    netpolicy_image_free(image);
    netpolicy_cluster_free(cluster);
}

/* NULL is told, denied, or nothing to free; outputs stay as they were. */
static void nulls(void) {
    netpolicy_cluster *cluster = shop();
    const netpolicy_image *image;
    netpolicy_connection connection = tcp("10.0.0.9", "10.2.0.1", 8080);
    netpolicy_packet packet = {NULL, 20};
    netpolicy_verdict verdict = (netpolicy_verdict)77;
    netpolicy_handle *handle = NULL;
    netpolicy_explanation *explanation = NULL;
    netpolicy_str nothing = {NULL, 5};
    OK(netpolicy_cluster_compile(cluster, NULL, &image, NULL));
    netpolicy_cluster_free(NULL);
    netpolicy_image_free(NULL);
    netpolicy_handle_free(NULL);
    netpolicy_explanation_free(NULL);
    CHECK(netpolicy_image_clone(NULL) == NULL && netpolicy_handle_load(NULL) == NULL);
    CHECK(netpolicy_image_verdict(NULL, &connection) == NETPOLICY_VERDICT_DENY);
    CHECK(netpolicy_image_verdict(image, NULL) == NETPOLICY_VERDICT_DENY);
    CHECK(netpolicy_image_verdict_of_packet(image, NULL, 20) == NETPOLICY_VERDICT_DENY);
    CHECK(netpolicy_handle_verdict(NULL, &connection) == NETPOLICY_VERDICT_DENY);
    CHECK(netpolicy_handle_verdict_of_packet(NULL, NULL, 0) == NETPOLICY_VERDICT_DENY);
    CHECK(netpolicy_image_pod_count(NULL) == 0 && netpolicy_image_policy_count(NULL) == 0);
    CHECK(netpolicy_cluster_diagnostic_count(NULL) == 0);
    CHECK(netpolicy_explanation_text(NULL, false, NULL, 0) == 0);
    FAILS(netpolicy_image_verdicts(image, NULL, 1, &verdict), NETPOLICY_RESULT_NULL_POINTER);
    MESSAGE("connections: is NULL");
    FAILS(netpolicy_image_verdicts_of_packets(image, &packet, 1, &verdict),
          NETPOLICY_RESULT_NULL_POINTER);
    MESSAGE("packets[0].data: is NULL");
    CHECK(verdict == (netpolicy_verdict)77);
    OK(netpolicy_image_verdicts(image, NULL, 0, NULL));
    FAILS(netpolicy_handle_new(NULL, &handle), NETPOLICY_RESULT_NULL_POINTER);
    FAILS(netpolicy_handle_new(image, NULL), NETPOLICY_RESULT_NULL_POINTER);
    FAILS(netpolicy_image_explain(image, NULL, &explanation), NETPOLICY_RESULT_NULL_POINTER);
    CHECK(handle == NULL && explanation == NULL);
    FAILS(netpolicy_cluster_read_text(cluster, STR("a"), nothing), NETPOLICY_RESULT_NULL_POINTER);
    FAILS(netpolicy_cluster_read_text(NULL, STR("a"), STR("")), NETPOLICY_RESULT_NULL_POINTER);
    MESSAGE("cluster: is NULL");
    FAILS(netpolicy_cluster_insert_pod(cluster, NULL), NETPOLICY_RESULT_NULL_POINTER);
    CHECK(netpolicy_str_of(NULL).len == 0);
    netpolicy_image_free(image);
    netpolicy_cluster_free(cluster);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    versions();
    addresses();
    objects();
    pods();
    cluster_policies();
    manifests();
    memory(argv[1]);
    packets();
    explanations();
    nulls();
    puts("the API does as it says");
    return 0;
}
