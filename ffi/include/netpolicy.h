/*
 * libnetpolicy: may this connection pass under these Kubernetes network policies, and why?
 *
 * Conventions:
 *
 * - A type is netpolicy_x; what makes one is netpolicy_x_new or says so, what frees it is
 *   netpolicy_x_free, to which NULL is nothing. The structs without fields are opaque. What was
 *   freed must not be used, nor freed again: nothing checks that.
 * - Functions that can fail return netpolicy_result, whose numbers are stable. The words for a
 *   person, with the object and the field at fault, are netpolicy_last_error_message's, of the
 *   thread that called.
 * - Outputs are written on success only.
 * - What is handed in as a pointer to const may be used by any number of threads at once. What
 *   is handed in without const is used by one thread, alone.
 * - NULL and text that is not UTF-8 are refused. A pointer that is not NULL must be good for as
 *   many items as its length says, of which no more than SIZE_MAX / 2 bytes are read. What is
 *   handed in is copied, unless a function says otherwise.
 * - A verdict always has an answer: what cannot be answered is denied.
 * - Memory that the system does not have ends the program, as is usual in Rust; nothing else does.
 */

#ifndef NETPOLICY_H
#define NETPOLICY_H

/* Made from ffi/src by cbindgen: `cargo xtask header` writes it anew. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * A pod that a NetworkPolicy selects in one direction is final in both.
 */
#define NETPOLICY_OPTION_ISOLATE_BOTH_DIRECTIONS 1

/**
 * Ingress from the pod's own node is evaluated like any other.
 */
#define NETPOLICY_OPTION_EVALUATE_OWN_NODE_INGRESS 2

/**
 * Egress to the pod's own node is always allowed in the NetworkPolicy tier.
 */
#define NETPOLICY_OPTION_ALLOW_OWN_NODE_EGRESS 4

/**
 * `ipBlock` does not match the addresses of pods.
 */
#define NETPOLICY_OPTION_IP_BLOCK_SPARES_PODS 8

/**
 * Egress: at the source.
 */
#define NETPOLICY_DIRECTION_EGRESS 1

/**
 * Ingress: at the destination.
 */
#define NETPOLICY_DIRECTION_INGRESS 2

/**
 * `In`
 */
#define NETPOLICY_OPERATOR_IN 1

/**
 * `NotIn`
 */
#define NETPOLICY_OPERATOR_NOT_IN 2

/**
 * `Exists`
 */
#define NETPOLICY_OPERATOR_EXISTS 3

/**
 * `DoesNotExist`
 */
#define NETPOLICY_OPERATOR_DOES_NOT_EXIST 4

/**
 * `Pending`, or no phase.
 */
#define NETPOLICY_PHASE_PENDING 0

/**
 * `Running`
 */
#define NETPOLICY_PHASE_RUNNING 1

/**
 * `Unknown`
 */
#define NETPOLICY_PHASE_UNKNOWN 2

/**
 * `Succeeded`
 */
#define NETPOLICY_PHASE_SUCCEEDED 3

/**
 * `Failed`
 */
#define NETPOLICY_PHASE_FAILED 4

/**
 * `spec.hostNetwork`
 */
#define NETPOLICY_POD_HOST_NETWORK 1

/**
 * `metadata.deletionTimestamp` is set.
 */
#define NETPOLICY_POD_DELETING 2

/**
 * AdminNetworkPolicy.
 */
#define NETPOLICY_API_ADMIN 1

/**
 * BaselineAdminNetworkPolicy.
 */
#define NETPOLICY_API_BASELINE_ADMIN 2

/**
 * ClusterNetworkPolicy with `tier: Admin`.
 */
#define NETPOLICY_API_CLUSTER_ADMIN 3

/**
 * ClusterNetworkPolicy with `tier: Baseline`.
 */
#define NETPOLICY_API_CLUSTER_BASELINE 4

/**
 * `Allow` or `Accept`
 */
#define NETPOLICY_ACTION_ALLOW 1

/**
 * `Deny`
 */
#define NETPOLICY_ACTION_DENY 2

/**
 * `Pass`
 */
#define NETPOLICY_ACTION_PASS 3

/**
 * How a call ended. The numbers are stable: one that has a meaning keeps it.
 */
enum netpolicy_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As asked.
     */
    NETPOLICY_RESULT_OK = 0,
    /**
     * A pointer that must not be NULL is.
     */
    NETPOLICY_RESULT_NULL_POINTER = 1,
    /**
     * Text is not UTF-8.
     */
    NETPOLICY_RESULT_INVALID_UTF8 = 2,
    /**
     * A number stands for nothing, a pointer is not aligned, or a length does not fit.
     */
    NETPOLICY_RESULT_INVALID_ARGUMENT = 3,
    /**
     * There is nothing of that index.
     */
    NETPOLICY_RESULT_NOT_FOUND = 4,
    /**
     * The library has a bug, and stopped in time. Free the objects of the call.
     */
    NETPOLICY_RESULT_PANIC = 5,
    /**
     * Some objects in a text or file are invalid, or it cannot be read. Everything else
     * in it was taken in; `netpolicy_cluster_diagnostic` tells each mistake.
     */
    NETPOLICY_RESULT_INVALID_MANIFEST = 10,
    /**
     * An object that its API would refuse. It was not taken in.
     */
    NETPOLICY_RESULT_INVALID_OBJECT = 11,
    /**
     * The working memory does not suffice: `netpolicy_last_error_needed` says how much to
     * begin again with.
     */
    NETPOLICY_RESULT_WORKING_MEMORY_TOO_SMALL = 20,
    /**
     * The memory for the image does not suffice: `netpolicy_last_error_needed` says how much
     * it needs.
     */
    NETPOLICY_RESULT_OUTPUT_TOO_SMALL = 21,
    /**
     * The cluster is beyond what an image can hold.
     */
    NETPOLICY_RESULT_TOO_LARGE = 22,
    /**
     * The bytes do not begin as an image does.
     */
    NETPOLICY_RESULT_NOT_AN_IMAGE = 30,
    /**
     * An image of another major version of the format.
     */
    NETPOLICY_RESULT_IMAGE_VERSION = 31,
    /**
     * There are fewer or more bytes than the image's header says.
     */
    NETPOLICY_RESULT_IMAGE_TRUNCATED = 32,
    /**
     * An image in which a record holds what no compiler writes.
     */
    NETPOLICY_RESULT_IMAGE_DAMAGED = 33,
    /**
     * An image whose checksum does not fit its bytes.
     */
    NETPOLICY_RESULT_IMAGE_CHECKSUM = 34,
    /**
     * Bytes that do not begin at an IP header.
     */
    NETPOLICY_RESULT_PACKET_NOT_IP = 40,
    /**
     * A packet that ends before its headers do.
     */
    NETPOLICY_RESULT_PACKET_TRUNCATED = 41,
    /**
     * A packet with a header that contradicts itself.
     */
    NETPOLICY_RESULT_PACKET_MALFORMED = 42,
    /**
     * A fragment other than the first, which has no ports.
     */
    NETPOLICY_RESULT_PACKET_LATER_FRAGMENT = 43,
    /**
     * A packet that a source route leads on from its destination.
     */
    NETPOLICY_RESULT_PACKET_SOURCE_ROUTED = 44,
    /**
     * An IPv6 packet with an IPv4-mapped address.
     */
    NETPOLICY_RESULT_PACKET_MAPPED_ADDRESS = 45,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum netpolicy_result netpolicy_result;
#else
typedef uint32_t netpolicy_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The answer: bit 0 is set if the source may send, bit 1 if the destination may receive. A
 * connection may pass if both are: `NETPOLICY_VERDICT_ALLOW`.
 */
enum netpolicy_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Neither end allows it, or there is no answer: the packet cannot be read, the image is
     * NULL.
     */
    NETPOLICY_VERDICT_DENY = 0,
    /**
     * The source may send, the destination may not receive: denied.
     */
    NETPOLICY_VERDICT_EGRESS_ONLY = 1,
    /**
     * The source may not send, the destination may receive: denied.
     */
    NETPOLICY_VERDICT_INGRESS_ONLY = 2,
    /**
     * The connection may pass.
     */
    NETPOLICY_VERDICT_ALLOW = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum netpolicy_verdict netpolicy_verdict;
#else
typedef uint8_t netpolicy_verdict;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What decides a direction.
 */
enum netpolicy_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A reason that this version of the API has no word for.
     */
    NETPOLICY_REASON_OTHER = 0,
    /**
     * The end whose direction it is is no pod, so no policy governs it: allowed.
     */
    NETPOLICY_REASON_NOT_A_POD = 1,
    /**
     * Source and destination are the same pod: allowed.
     */
    NETPOLICY_REASON_SAME_POD = 2,
    /**
     * A rule decides.
     */
    NETPOLICY_REASON_RULE = 3,
    /**
     * The peer is the pod's own node: allowed in the NetworkPolicy tier.
     */
    NETPOLICY_REASON_OWN_NODE = 4,
    /**
     * NetworkPolicies isolate the pod, and none of their rules matches: denied.
     */
    NETPOLICY_REASON_ISOLATED = 5,
    /**
     * NetworkPolicies isolate the pod in the other direction only, which is final by option:
     * allowed.
     */
    NETPOLICY_REASON_ISOLATED_ELSEWHERE = 6,
    /**
     * Policies select the pod, but none of their rules decides: allowed.
     */
    NETPOLICY_REASON_NO_RULE_MATCHES = 7,
    /**
     * No policy governs this direction of the pod: allowed.
     */
    NETPOLICY_REASON_NO_POLICY_SELECTS = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum netpolicy_reason netpolicy_reason;
#else
typedef uint8_t netpolicy_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The tier in which a direction is decided.
 */
enum netpolicy_tier
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No policy decides.
     */
    NETPOLICY_TIER_NONE = 0,
    /**
     * AdminNetworkPolicy, and ClusterNetworkPolicy with `tier: Admin`.
     */
    NETPOLICY_TIER_ADMIN = 1,
    /**
     * NetworkPolicy.
     */
    NETPOLICY_TIER_NETWORK_POLICY = 2,
    /**
     * BaselineAdminNetworkPolicy, and ClusterNetworkPolicy with `tier: Baseline`.
     */
    NETPOLICY_TIER_BASELINE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum netpolicy_tier netpolicy_tier;
#else
typedef uint8_t netpolicy_tier;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a policy that was consulted had to say.
 */
enum netpolicy_outcome
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * An outcome that this version of the API has no word for.
     */
    NETPOLICY_OUTCOME_OTHER = 0,
    /**
     * The rule matches.
     */
    NETPOLICY_OUTCOME_MATCHES = 1,
    /**
     * The policy has no rules in this direction.
     */
    NETPOLICY_OUTCOME_NO_RULES = 2,
    /**
     * The rule matches the peer, but not the port or protocol.
     */
    NETPOLICY_OUTCOME_MISSES_PORT = 3,
    /**
     * The rule matches the port, but not the peer.
     */
    NETPOLICY_OUTCOME_MISSES_PEER = 4,
    /**
     * No rule matches the peer or the port.
     */
    NETPOLICY_OUTCOME_MISSES_BOTH = 5,
    /**
     * The rule has a peer that is not known here, and so allows nothing.
     */
    NETPOLICY_OUTCOME_FAILS_CLOSED = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum netpolicy_outcome netpolicy_outcome;
#else
typedef uint8_t netpolicy_outcome;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The objects of a cluster. An object that is given under a name that is taken replaces the
 * one that was there, as `kubectl apply` does.
 */
typedef struct netpolicy_cluster netpolicy_cluster;

/**
 * Why a connection may pass, or may not. It keeps a reference of its image, and is worked
 * out from the rules when it is asked.
 */
typedef struct netpolicy_explanation netpolicy_explanation;

/**
 * The image in force. Any number of threads may ask it and replace it at once: who asks
 * never waits, gets the answer of one image, the old or the new, and the old image is freed
 * when the last that asks it is done.
 */
typedef struct netpolicy_handle netpolicy_handle;

/**
 * A compiled cluster. It is counted by reference, never changes, and may be asked by any
 * number of threads.
 */
typedef struct netpolicy_image netpolicy_image;

/**
 * An address: 16 bytes in network order, IPv4 as IPv4-mapped IPv6 (`::ffff:a.b.c.d`).
 */
typedef struct netpolicy_address {
    /**
     * The bytes.
     */
    uint8_t bytes[16];
} netpolicy_address;

/**
 * Text in UTF-8: `len` bytes, with no NUL behind them. `data` may be NULL if `len` is
 * 0. Text that the library hands out belongs to the object it was asked of, and lives
 * as long as that.
 */
typedef struct netpolicy_str {
    /**
     * The first byte.
     */
    const char *data;
    /**
     * The number of bytes.
     */
    size_t len;
} netpolicy_str;

/**
 * A connection, as its first packet shows it.
 */
typedef struct netpolicy_connection {
    /**
     * Where it comes from.
     */
    struct netpolicy_address source;
    /**
     * Where it goes.
     */
    struct netpolicy_address destination;
    /**
     * The destination port, in the byte order of the machine; ignored where the protocol
     * has no ports (all but TCP, UDP and SCTP).
     */
    uint16_t port;
    /**
     * The protocol, by its IANA number: 6 TCP, 17 UDP, 132 SCTP, 1 ICMP, 58 ICMPv6.
     */
    uint8_t protocol;
} netpolicy_connection;

/**
 * An error or warning about what was read.
 */
typedef struct netpolicy_diagnostic {
    /**
     * Whether the object was left out; else this is a warning.
     */
    bool is_error;
    /**
     * The line, from 1; 0 if it concerns no line.
     */
    uint32_t line;
    /**
     * The column, from 1; 0 if it concerns no column.
     */
    uint32_t column;
    /**
     * The file, as it was named; empty if there is none.
     */
    struct netpolicy_str file;
    /**
     * Kind, namespace and name of the object, as far as they are known.
     */
    struct netpolicy_str object;
    /**
     * The field, such as `spec.ingress[0].from[1].ipBlock.except[0]`; empty if it concerns
     * the whole.
     */
    struct netpolicy_str path;
    /**
     * What is wrong, and how to mend it.
     */
    struct netpolicy_str message;
} netpolicy_diagnostic;

/**
 * A label.
 */
typedef struct netpolicy_label {
    /**
     * The key, with its prefix.
     */
    struct netpolicy_str key;
    /**
     * The value.
     */
    struct netpolicy_str value;
} netpolicy_label;

/**
 * A Namespace.
 */
typedef struct netpolicy_namespace {
    /**
     * `metadata.name`
     */
    struct netpolicy_str name;
    /**
     * `metadata.labels`; `kubernetes.io/metadata.name` is added by itself.
     */
    const struct netpolicy_label *labels;
    /**
     * The number of labels.
     */
    size_t labels_len;
} netpolicy_namespace;

/**
 * A Node.
 */
typedef struct netpolicy_node {
    /**
     * `metadata.name`
     */
    struct netpolicy_str name;
    /**
     * `metadata.labels`
     */
    const struct netpolicy_label *labels;
    /**
     * The number of labels.
     */
    size_t labels_len;
    /**
     * The IP addresses in `status.addresses`.
     */
    const struct netpolicy_address *addresses;
    /**
     * The number of addresses.
     */
    size_t addresses_len;
} netpolicy_node;

/**
 * A container port with a name.
 */
typedef struct netpolicy_named_port {
    /**
     * `name`
     */
    struct netpolicy_str name;
    /**
     * `containerPort`, 1 to 65535.
     */
    uint16_t number;
    /**
     * `protocol`: 6 TCP, 17 UDP, 132 SCTP; 0 counts as TCP.
     */
    uint8_t protocol;
} netpolicy_named_port;

/**
 * A Pod.
 */
typedef struct netpolicy_pod {
    /**
     * `metadata.namespace`; empty counts as `default`.
     */
    struct netpolicy_str namespace_name;
    /**
     * `metadata.name`
     */
    struct netpolicy_str name;
    /**
     * `metadata.labels`
     */
    const struct netpolicy_label *labels;
    /**
     * The number of labels.
     */
    size_t labels_len;
    /**
     * `status.podIPs`
     */
    const struct netpolicy_address *addresses;
    /**
     * The number of addresses.
     */
    size_t addresses_len;
    /**
     * `status.hostIPs`
     */
    const struct netpolicy_address *host_addresses;
    /**
     * The number of host addresses.
     */
    size_t host_addresses_len;
    /**
     * `spec.nodeName`
     */
    struct netpolicy_str node_name;
    /**
     * The named ports of its containers.
     */
    const struct netpolicy_named_port *ports;
    /**
     * The number of named ports.
     */
    size_t ports_len;
    /**
     * `metadata.creationTimestamp`, in seconds since the epoch; NULL if it has none.
     */
    const int64_t *created;
    /**
     * `status.phase`: a `NETPOLICY_PHASE`. A pod that has ended holds no addresses.
     */
    uint32_t phase;
    /**
     * `NETPOLICY_POD_HOST_NETWORK`, `NETPOLICY_POD_DELETING`.
     */
    uint32_t flags;
} netpolicy_pod;

/**
 * An entry of `matchExpressions`.
 */
typedef struct netpolicy_requirement {
    /**
     * `key`
     */
    struct netpolicy_str key;
    /**
     * `operator`: a `NETPOLICY_OPERATOR`.
     */
    uint32_t comparison;
    /**
     * `values`: some for `In` and `NotIn`, none for the others.
     */
    const struct netpolicy_str *values;
    /**
     * The number of values.
     */
    size_t values_len;
} netpolicy_requirement;

/**
 * A label selector. An empty one selects everything.
 */
typedef struct netpolicy_selector {
    /**
     * `matchLabels`
     */
    const struct netpolicy_label *match_labels;
    /**
     * The number of labels.
     */
    size_t match_labels_len;
    /**
     * `matchExpressions`
     */
    const struct netpolicy_requirement *match_expressions;
    /**
     * The number of requirements.
     */
    size_t match_expressions_len;
} netpolicy_selector;

/**
 * `ipBlock`
 */
typedef struct netpolicy_ip_block {
    /**
     * `cidr`
     */
    struct netpolicy_str cidr;
    /**
     * `except`: CIDRs strictly inside of `cidr`.
     */
    const struct netpolicy_str *except;
    /**
     * The number of exceptions.
     */
    size_t except_len;
} netpolicy_ip_block;

/**
 * A peer of a NetworkPolicy: one or both of the selectors, or `ip_block`.
 */
typedef struct netpolicy_network_policy_peer {
    /**
     * `podSelector`; NULL if absent.
     */
    const struct netpolicy_selector *pod_selector;
    /**
     * `namespaceSelector`; NULL if absent.
     */
    const struct netpolicy_selector *namespace_selector;
    /**
     * `ipBlock`; NULL if absent.
     */
    const struct netpolicy_ip_block *ip_block;
} netpolicy_network_policy_peer;

/**
 * An entry of a rule's `ports` or `protocols`.
 */
typedef struct netpolicy_port {
    /**
     * The name of a port of the destination pod; empty if a number or nothing is given.
     */
    struct netpolicy_str name;
    /**
     * The port, or the first of a range; 0: every port.
     */
    int32_t port;
    /**
     * The last port of a range; 0: no range.
     */
    int32_t end_port;
    /**
     * 6 TCP, 17 UDP, 132 SCTP; 0: TCP, and for the named ports of cluster-scoped policies
     * any.
     */
    uint8_t protocol;
} netpolicy_port;

/**
 * A rule of a NetworkPolicy.
 */
typedef struct netpolicy_network_policy_rule {
    /**
     * `from` or `to`; none: every peer.
     */
    const struct netpolicy_network_policy_peer *peers;
    /**
     * The number of peers.
     */
    size_t peers_len;
    /**
     * `ports`; none: every port of every protocol.
     */
    const struct netpolicy_port *ports;
    /**
     * The number of ports.
     */
    size_t ports_len;
} netpolicy_network_policy_rule;

/**
 * A NetworkPolicy.
 */
typedef struct netpolicy_network_policy {
    /**
     * `metadata.namespace`; empty counts as `default`.
     */
    struct netpolicy_str namespace_name;
    /**
     * `metadata.name`
     */
    struct netpolicy_str name;
    /**
     * `spec.podSelector`
     */
    struct netpolicy_selector pod_selector;
    /**
     * `spec.policyTypes`: the sum of `NETPOLICY_DIRECTION`s. 0 is the API's default: ingress,
     * and egress if there are egress rules.
     */
    uint32_t policy_types;
    /**
     * `spec.ingress`
     */
    const struct netpolicy_network_policy_rule *ingress;
    /**
     * The number of ingress rules.
     */
    size_t ingress_len;
    /**
     * `spec.egress`
     */
    const struct netpolicy_network_policy_rule *egress;
    /**
     * The number of egress rules.
     */
    size_t egress_len;
} netpolicy_network_policy;

/**
 * Pods by the labels of their namespaces and their own.
 */
typedef struct netpolicy_pod_selector {
    /**
     * `namespaceSelector`
     */
    struct netpolicy_selector namespace_selector;
    /**
     * `podSelector`
     */
    struct netpolicy_selector pod_selector;
} netpolicy_pod_selector;

/**
 * A peer of a cluster-scoped policy: exactly one field. One with none stands for a peer that
 * is not known here, with which the whole rule fails closed.
 */
typedef struct netpolicy_cluster_policy_peer {
    /**
     * `namespaces`; NULL if absent.
     */
    const struct netpolicy_selector *namespaces;
    /**
     * `pods`; NULL if absent.
     */
    const struct netpolicy_pod_selector *pods;
    /**
     * `nodes`; NULL if absent.
     */
    const struct netpolicy_selector *nodes;
    /**
     * `networks`: CIDRs.
     */
    const struct netpolicy_str *networks;
    /**
     * The number of networks.
     */
    size_t networks_len;
    /**
     * `domainNames`
     */
    const struct netpolicy_str *domain_names;
    /**
     * The number of domain names.
     */
    size_t domain_names_len;
} netpolicy_cluster_policy_peer;

/**
 * A rule of a cluster-scoped policy.
 */
typedef struct netpolicy_cluster_policy_rule {
    /**
     * `name`
     */
    struct netpolicy_str name;
    /**
     * `action`: a `NETPOLICY_ACTION`.
     */
    uint32_t action;
    /**
     * `from` or `to`: at least one.
     */
    const struct netpolicy_cluster_policy_peer *peers;
    /**
     * The number of peers.
     */
    size_t peers_len;
    /**
     * `ports` or `protocols`; none: every port of every protocol.
     */
    const struct netpolicy_port *ports;
    /**
     * The number of ports.
     */
    size_t ports_len;
} netpolicy_cluster_policy_rule;

/**
 * A ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy.
 */
typedef struct netpolicy_cluster_policy {
    /**
     * Which of them: a `NETPOLICY_API`.
     */
    uint32_t api;
    /**
     * `spec.priority`, 0 to 1000; ignored for a BaselineAdminNetworkPolicy.
     */
    int32_t priority;
    /**
     * `metadata.name`
     */
    struct netpolicy_str name;
    /**
     * `spec.subject`
     */
    struct netpolicy_pod_selector subject;
    /**
     * `spec.ingress`
     */
    const struct netpolicy_cluster_policy_rule *ingress;
    /**
     * The number of ingress rules.
     */
    size_t ingress_len;
    /**
     * `spec.egress`
     */
    const struct netpolicy_cluster_policy_rule *egress;
    /**
     * The number of egress rules.
     */
    size_t egress_len;
} netpolicy_cluster_policy;

/**
 * What a domain name resolves to at present.
 */
typedef struct netpolicy_domain_name {
    /**
     * The name; case and a trailing dot do not count.
     */
    struct netpolicy_str name;
    /**
     * Its addresses.
     */
    const struct netpolicy_address *addresses;
    /**
     * The number of addresses.
     */
    size_t addresses_len;
} netpolicy_domain_name;

/**
 * The choices that the APIs leave open. Zeroed memory is the default.
 */
typedef struct netpolicy_options {
    /**
     * The sum of `NETPOLICY_OPTION`s.
     */
    uint32_t flags;
    /**
     * How many bytes the decision tables may take; 0 is the default, 64 MiB. What does not
     * fit is interpreted from the rules: slower, never wrong.
     */
    size_t table_budget;
} netpolicy_options;

/**
 * What compiling came to.
 */
typedef struct netpolicy_compile_report {
    /**
     * The length of the image in bytes.
     */
    size_t image_bytes;
    /**
     * The most working memory in use at once, in bytes.
     */
    size_t working_bytes;
    /**
     * The pods in force.
     */
    uint32_t pods;
    /**
     * The policies of all kinds.
     */
    uint32_t policies;
    /**
     * The namespaces, those that are only named among them.
     */
    uint32_t namespaces;
    /**
     * The classes of addresses that the policies can tell apart.
     */
    uint32_t classes;
    /**
     * The ways in which a direction of some pods is decided.
     */
    uint32_t gates;
    /**
     * Those of them that did not fit the budget, and are interpreted from their rules.
     */
    uint32_t interpreted_gates;
} netpolicy_compile_report;

/**
 * A policy of an image.
 */
typedef struct netpolicy_policy_info {
    /**
     * The `kind` of the object; empty if there is no policy.
     */
    struct netpolicy_str kind;
    /**
     * Its namespace; empty for the cluster-scoped kinds.
     */
    struct netpolicy_str namespace_name;
    /**
     * Its name.
     */
    struct netpolicy_str name;
    /**
     * The file it was read from; empty if unknown.
     */
    struct netpolicy_str file;
    /**
     * The line it begins on, from 1; 0 if unknown.
     */
    uint32_t line;
    /**
     * Its priority; -1 for the kinds without.
     */
    int32_t priority;
} netpolicy_policy_info;

/**
 * A rule of a policy.
 */
typedef struct netpolicy_rule_info {
    /**
     * Its name; empty if it has none.
     */
    struct netpolicy_str name;
    /**
     * Its index in the list of its direction, from 0; -1 if there is no rule.
     */
    int64_t index;
    /**
     * The line it begins on, from 1; 0 if unknown.
     */
    uint32_t line;
    /**
     * Its action as written: a `NETPOLICY_ACTION`. Allow for the rules of a NetworkPolicy.
     */
    uint32_t action;
    /**
     * Whether it has a peer that is not known here, so that it allows nothing if its action
     * is Allow, and denies everything if not.
     */
    bool fails_closed;
} netpolicy_rule_info;

/**
 * How a direction is decided.
 */
typedef struct netpolicy_decision {
    /**
     * The policy of the rule that decides; the first NetworkPolicy that isolates the pod if
     * `reason` is `NETPOLICY_REASON_ISOLATED`; else none.
     */
    struct netpolicy_policy_info policy;
    /**
     * The rule that decides, if `reason` is `NETPOLICY_REASON_RULE`; else none.
     */
    struct netpolicy_rule_info rule;
    /**
     * What decides.
     */
    netpolicy_reason reason;
    /**
     * The tier that decides.
     */
    netpolicy_tier tier;
    /**
     * Whether the connection may pass in this direction.
     */
    bool allowed;
} netpolicy_decision;

/**
 * A policy that was consulted.
 */
typedef struct netpolicy_consulted {
    /**
     * The policy.
     */
    struct netpolicy_policy_info policy;
    /**
     * The rule that matches, or that comes nearest; none where the outcome names none.
     */
    struct netpolicy_rule_info rule;
    /**
     * What it had to say.
     */
    netpolicy_outcome outcome;
    /**
     * The tier it speaks in.
     */
    netpolicy_tier tier;
} netpolicy_consulted;

/**
 * A packet from its IP header on.
 */
typedef struct netpolicy_packet {
    /**
     * The first byte of the IP header.
     */
    const uint8_t *data;
    /**
     * How many bytes there are; the packet may go on behind them.
     */
    size_t len;
} netpolicy_packet;

/**
 * A function that takes back memory that was lent: called once, from whichever thread lets
 * go of the memory last, which may be one that asks a handle while another replaces its
 * image. It must return: no exception, no `longjmp`.
 */
typedef void (*netpolicy_release)(void *context);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library, such as "0.1.0".
 */
const char *netpolicy_version(void);

/**
 * The version of the image format that the library writes: the major version in the
 * upper 16 bits, the minor version in the lower. Images of the same major version
 * can be opened.
 */
uint32_t netpolicy_image_format_version(void);

/**
 * The address of four bytes in network order, such as an `in_addr` holds. NULL gives `::`.
 */
struct netpolicy_address netpolicy_address_v4(const uint8_t *bytes);

/**
 * The address of sixteen bytes in network order, such as an `in6_addr` holds. NULL gives
 * `::`.
 */
struct netpolicy_address netpolicy_address_v6(const uint8_t *bytes);

/**
 * Reads an address: `10.0.0.1`, `fd00::1`.
 */
netpolicy_result netpolicy_address_parse(struct netpolicy_str text,
                                         struct netpolicy_address *address);

/**
 * Writes an address as snprintf writes: cut to `len` bytes, the last a NUL, and the length
 * of the whole is returned. Never more than 46 bytes with the NUL. 0 if `address` is NULL; a
 * NULL buffer is one of 0 bytes.
 */
size_t netpolicy_address_text(const struct netpolicy_address *address, char *buffer, size_t len);

/**
 * Reads which connection a packet belongs to. The packet begins at its IP header, IPv4 or
 * IPv6, and may be cut anywhere behind the ports; nothing behind `len` is read. Protocols
 * without ports have port 0.
 *
 * A packet that belongs to no connection has one of the `NETPOLICY_RESULT_PACKET` codes, and is
 * to be denied, as `netpolicy_image_verdict_of_packet` does.
 */
netpolicy_result netpolicy_connection_of_packet(const uint8_t *packet,
                                                size_t len,
                                                struct netpolicy_connection *connection);

/**
 * A cluster without objects. Free it with `netpolicy_cluster_free`.
 */
struct netpolicy_cluster *netpolicy_cluster_new(void);

/**
 * Frees a cluster. NULL is nothing to free.
 */
void netpolicy_cluster_free(struct netpolicy_cluster *cluster);

/**
 * Takes in the objects of a text: YAML or JSON, a stream of documents, lists, what
 * `kubectl get -o yaml` and `-o json` print. `file` names the text in messages and
 * explanations.
 *
 * `NETPOLICY_RESULT_INVALID_MANIFEST` tells that some objects are invalid and were left out,
 * and the last error names the first of them; all others were taken in.
 * `netpolicy_cluster_diagnostic` tells every mistake.
 *
 * Workloads without pods (Deployments and the like) are stood in for by a pod without an
 * address. Whether a workload has pods is asked within one text.
 */
netpolicy_result netpolicy_cluster_read_text(struct netpolicy_cluster *cluster,
                                             struct netpolicy_str file,
                                             struct netpolicy_str text);

/**
 * Takes in the objects of a file, or of every `.yaml`, `.yml` and `.json` file in a folder
 * and the folders in it; as `netpolicy_cluster_read_text` otherwise.
 */
netpolicy_result netpolicy_cluster_read_path(struct netpolicy_cluster *cluster,
                                             struct netpolicy_str path);

/**
 * How many errors and warnings there were in all texts and files that were read.
 */
size_t netpolicy_cluster_diagnostic_count(const struct netpolicy_cluster *cluster);

/**
 * The error or warning of that index, in the order of reading.
 * `NETPOLICY_RESULT_NOT_FOUND` behind the last. Its text lives until more is read.
 */
netpolicy_result netpolicy_cluster_diagnostic(const struct netpolicy_cluster *cluster,
                                              size_t index,
                                              struct netpolicy_diagnostic *diagnostic);

/**
 * Adds a Namespace.
 */
netpolicy_result netpolicy_cluster_insert_namespace(struct netpolicy_cluster *cluster,
                                                    const struct netpolicy_namespace *object);

/**
 * Adds a Node.
 */
netpolicy_result netpolicy_cluster_insert_node(struct netpolicy_cluster *cluster,
                                               const struct netpolicy_node *object);

/**
 * Adds a Pod.
 */
netpolicy_result netpolicy_cluster_insert_pod(struct netpolicy_cluster *cluster,
                                              const struct netpolicy_pod *object);

/**
 * Adds a NetworkPolicy.
 */
netpolicy_result netpolicy_cluster_insert_network_policy(struct netpolicy_cluster *cluster,
                                                         const struct netpolicy_network_policy *object);

/**
 * Adds a ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy.
 */
netpolicy_result netpolicy_cluster_insert_cluster_policy(struct netpolicy_cluster *cluster,
                                                         const struct netpolicy_cluster_policy *object);

/**
 * Tells what a domain name resolves to.
 */
netpolicy_result netpolicy_cluster_insert_domain_name(struct netpolicy_cluster *cluster,
                                                      const struct netpolicy_domain_name *object);

/**
 * Compiles a cluster into an image in memory of the library. Free it with
 * `netpolicy_image_free`. `options` may be NULL for the default, `report` if it is not
 * wanted.
 */
netpolicy_result netpolicy_cluster_compile(const struct netpolicy_cluster *cluster,
                                           const struct netpolicy_options *options,
                                           const struct netpolicy_image **image,
                                           struct netpolicy_compile_report *report);

/**
 * Compiles a cluster into `out`, memory of the caller, to be saved, sent, or opened with
 * `netpolicy_image_open`. `working` is memory that the compiler may use meanwhile; with NULL
 * and 0 it uses its own. Nothing is allocated for compiling if it is given. The two must not
 * overlap.
 *
 * `NETPOLICY_RESULT_WORKING_MEMORY_TOO_SMALL` and `NETPOLICY_RESULT_OUTPUT_TOO_SMALL` leave `out`
 * untouched, and `netpolicy_last_error_needed` says how much would do. About 400 bytes a pod
 * and some KiB a policy are needed to work with. `options` may be NULL for the default.
 * `image_bytes` of `report` is how many bytes of `out` the image takes; `report` may be NULL
 * where that is not wanted.
 */
netpolicy_result netpolicy_cluster_compile_into(const struct netpolicy_cluster *cluster,
                                                const struct netpolicy_options *options,
                                                uint8_t *working,
                                                size_t working_len,
                                                uint8_t *out,
                                                size_t out_len,
                                                struct netpolicy_compile_report *report);

/**
 * What a code means, in a few words; "unknown" for a number that is no code. The
 * string is static.
 */
const char *netpolicy_result_name(uint32_t code);

/**
 * The message of the last call of this thread that failed: which object and which field of
 * it, what is wrong, and how to mend it. Written as snprintf writes: cut to `len` bytes, the
 * last a NUL, and the length of the whole is returned. NULL is a buffer of 0 bytes. Calls that
 * succeed leave it as it is; without one that failed it is empty.
 */
size_t netpolicy_last_error_message(char *buffer, size_t len);

/**
 * How many bytes would have done for the last call of this thread that failed, if it
 * failed for want of memory; else 0.
 */
size_t netpolicy_last_error_needed(void);

/**
 * Explains the verdict of a connection. Free it with `netpolicy_explanation_free`.
 */
netpolicy_result netpolicy_image_explain(const struct netpolicy_image *image,
                                         const struct netpolicy_connection *connection,
                                         struct netpolicy_explanation **explanation);

/**
 * Frees an explanation. NULL is nothing to free.
 */
void netpolicy_explanation_free(struct netpolicy_explanation *explanation);

/**
 * The verdict that is explained; `NETPOLICY_VERDICT_DENY` for NULL.
 */
netpolicy_verdict netpolicy_explanation_verdict(const struct netpolicy_explanation *explanation);

/**
 * How one direction is decided: `NETPOLICY_DIRECTION_EGRESS` at the source,
 * `NETPOLICY_DIRECTION_INGRESS` at the destination. Its text lives as long as the image.
 */
netpolicy_result netpolicy_explanation_decision(const struct netpolicy_explanation *explanation,
                                                uint32_t direction,
                                                struct netpolicy_decision *decision);

/**
 * The policy of that index among those that were consulted for a direction, in the order of
 * decision: those of the Admin tier up to the one that decides or passes, then every
 * NetworkPolicy that isolates the pod in this direction, or else those of the Baseline tier.
 * `NETPOLICY_RESULT_NOT_FOUND` behind the last.
 */
netpolicy_result netpolicy_explanation_policy(const struct netpolicy_explanation *explanation,
                                              uint32_t direction,
                                              size_t index,
                                              struct netpolicy_consulted *consulted);

/**
 * Writes an explanation as text: one sentence, or with `whole` the chain of tiers as well, a
 * line for each policy that was consulted. As snprintf writes: cut to `len` bytes, the last a
 * NUL, and the length of the whole is returned. 0 for NULL; a NULL buffer is one of 0 bytes.
 */
size_t netpolicy_explanation_text(const struct netpolicy_explanation *explanation,
                                  bool whole,
                                  char *buffer,
                                  size_t len);

/**
 * A handle with a first image, of which it keeps a reference of its own. Free it with
 * `netpolicy_handle_free`.
 */
netpolicy_result netpolicy_handle_new(const struct netpolicy_image *image,
                                      struct netpolicy_handle **handle);

/**
 * Frees a handle, which nobody may be asking, and its reference of the image. NULL is
 * nothing to free.
 */
void netpolicy_handle_free(struct netpolicy_handle *handle);

/**
 * Puts another image in force, of which the handle keeps a reference of its own. What is
 * asked from now on is asked of it. Any number of threads may replace; the last one counts.
 */
netpolicy_result netpolicy_handle_replace(const struct netpolicy_handle *handle,
                                          const struct netpolicy_image *image);

/**
 * A reference to the image in force, for questions that belong together. Free it with
 * `netpolicy_image_free`. NULL for NULL.
 */
const struct netpolicy_image *netpolicy_handle_load(const struct netpolicy_handle *handle);

/**
 * `netpolicy_image_verdict` of the image in force.
 */
netpolicy_verdict netpolicy_handle_verdict(const struct netpolicy_handle *handle,
                                           const struct netpolicy_connection *connection);

/**
 * `netpolicy_image_verdict_of_packet` of the image in force.
 */
netpolicy_verdict netpolicy_handle_verdict_of_packet(const struct netpolicy_handle *handle,
                                                     const uint8_t *packet,
                                                     size_t len);

/**
 * `netpolicy_image_verdicts` of the image in force: all answers are of one image.
 */
netpolicy_result netpolicy_handle_verdicts(const struct netpolicy_handle *handle,
                                           const struct netpolicy_connection *connections,
                                           size_t count,
                                           netpolicy_verdict *verdicts);

/**
 * `netpolicy_image_verdicts_of_packets` of the image in force: all answers are of one image.
 */
netpolicy_result netpolicy_handle_verdicts_of_packets(const struct netpolicy_handle *handle,
                                                      const struct netpolicy_packet *packets,
                                                      size_t count,
                                                      netpolicy_verdict *verdicts);

/**
 * Opens an image in place, such as a memory-mapped file: it is checked once, in time linear
 * in its length, and nothing is copied. Free it with `netpolicy_image_free`.
 *
 * The bytes must stay as they are until `release` is called with `context`, which is when the
 * last reference to the image is gone: this one, those of `netpolicy_image_clone`, handles and
 * explanations. `release` may be NULL. It is not called if this function fails. They may lie
 * anywhere; nothing needs alignment.
 *
 * Whatever the bytes say, an image that opens can be asked anything: see
 * `netpolicy_image_verify_checksum` for whether they are those that were compiled.
 */
netpolicy_result netpolicy_image_open(const uint8_t *bytes,
                                      size_t len,
                                      netpolicy_release release,
                                      void *context,
                                      const struct netpolicy_image **image);

/**
 * Another reference to an image, to be freed by itself. NULL for NULL.
 */
const struct netpolicy_image *netpolicy_image_clone(const struct netpolicy_image *image);

/**
 * Gives back a reference to an image; the last one frees it. NULL is nothing to free.
 */
void netpolicy_image_free(const struct netpolicy_image *image);

/**
 * The bytes of an image, to save or to send. They live as long as it does.
 */
netpolicy_result netpolicy_image_bytes(const struct netpolicy_image *image,
                                       const uint8_t **bytes,
                                       size_t *len);

/**
 * Whether the bytes of an image are those that were compiled:
 * `NETPOLICY_RESULT_IMAGE_CHECKSUM` if not. It tells of accidents, not of malice.
 */
netpolicy_result netpolicy_image_verify_checksum(const struct netpolicy_image *image);

/**
 * The number of pods of an image; 0 for NULL.
 */
size_t netpolicy_image_pod_count(const struct netpolicy_image *image);

/**
 * The number of policies of an image; 0 for NULL.
 */
size_t netpolicy_image_policy_count(const struct netpolicy_image *image);

/**
 * The text of a string that ends in NUL; the empty text for NULL.
 */
struct netpolicy_str netpolicy_str_of(const char *string);

/**
 * May this connection pass? The hot path: no allocation, no lock, a fixed number of steps.
 */
netpolicy_verdict netpolicy_image_verdict(const struct netpolicy_image *image,
                                          const struct netpolicy_connection *connection);

/**
 * May the connection pass whose first packet this is? The packet begins at its IP header;
 * see `netpolicy_connection_of_packet`. One that belongs to no connection is denied.
 */
netpolicy_verdict netpolicy_image_verdict_of_packet(const struct netpolicy_image *image,
                                                    const uint8_t *packet,
                                                    size_t len);

/**
 * Answers `count` connections in order into `verdicts`. If it fails, because of a NULL, no
 * verdict is written: deny them all.
 */
netpolicy_result netpolicy_image_verdicts(const struct netpolicy_image *image,
                                          const struct netpolicy_connection *connections,
                                          size_t count,
                                          netpolicy_verdict *verdicts);

/**
 * Answers `count` packets in order into `verdicts`, each as
 * `netpolicy_image_verdict_of_packet` does. If it fails, because of a NULL with a length, no
 * verdict is written: deny them all. NULL without a length is a packet without bytes: denied.
 */
netpolicy_result netpolicy_image_verdicts_of_packets(const struct netpolicy_image *image,
                                                     const struct netpolicy_packet *packets,
                                                     size_t count,
                                                     netpolicy_verdict *verdicts);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NETPOLICY_H */
