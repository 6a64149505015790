#include "policy.h"

#include <string.h>

#include "log.h"

void policy_end(struct policy *policy) {
    netpolicy_image_free(policy->image);
    policy->image = NULL;
}

/* Takes the image in force. It is kept until it is another one, so that no image can take the
 * place in memory of the one that the decisions belong to. */
static void take_image(struct policy *policy) {
    const netpolicy_image *image = netpolicy_handle_load(policy->handle);
    if (image != policy->image)
        memset(policy->remembered, 0, sizeof policy->remembered);
    netpolicy_image_free(policy->image);
    policy->image = image;
}

/* One image answers for the whole batch, and explains it afterwards. */
static void judge(void *context, struct queued_packet *packets, size_t count) {
    struct policy *policy = context;
    netpolicy_packet asked[QUEUE_BATCH];
    netpolicy_verdict verdicts[QUEUE_BATCH];
    for (size_t i = 0; i < count; i++)
        asked[i] = (netpolicy_packet){packets[i].data, packets[i].len};
    take_image(policy);
    bool answered = netpolicy_image_verdicts_of_packets(policy->image, asked, count, verdicts) ==
                    NETPOLICY_RESULT_OK;
    for (size_t i = 0; i < count; i++)
        packets[i].accept = answered && verdicts[i] == NETPOLICY_VERDICT_ALLOW;
}

static const char *tier_name(netpolicy_tier tier) {
    switch (tier) {
    case NETPOLICY_TIER_ADMIN:
        return "Admin";
    case NETPOLICY_TIER_NETWORK_POLICY:
        return "NetworkPolicy";
    case NETPOLICY_TIER_BASELINE:
        return "Baseline";
    default:
        return "";
    }
}

static const char *reason_name(netpolicy_reason reason) {
    switch (reason) {
    case NETPOLICY_REASON_NOT_A_POD:
        return "no pod";
    case NETPOLICY_REASON_SAME_POD:
        return "same pod";
    case NETPOLICY_REASON_RULE:
        return "rule";
    case NETPOLICY_REASON_OWN_NODE:
        return "own node";
    case NETPOLICY_REASON_ISOLATED:
        return "isolated";
    case NETPOLICY_REASON_ISOLATED_ELSEWHERE:
        return "isolated elsewhere";
    case NETPOLICY_REASON_NO_RULE_MATCHES:
        return "no rule matches";
    case NETPOLICY_REASON_NO_POLICY_SELECTS:
        return "no policy";
    default:
        return "other";
    }
}

/* The decision that a packet is counted under: of a denial the direction that denies, else the
 * one in which a policy had a say, ingress before egress. */
static void decide(const netpolicy_explanation *explanation, struct counter_key *key) {
    netpolicy_decision egress, ingress;
    if (netpolicy_explanation_decision(explanation, NETPOLICY_DIRECTION_EGRESS, &egress) !=
            NETPOLICY_RESULT_OK ||
        netpolicy_explanation_decision(explanation, NETPOLICY_DIRECTION_INGRESS, &ingress) !=
            NETPOLICY_RESULT_OK)
        return;
    bool by_egress = key->accept ? ingress.policy.kind.len == 0 : !egress.allowed;
    const netpolicy_decision *decision = by_egress ? &egress : &ingress;
    key->direction = by_egress ? "egress" : "ingress";
    key->reason = reason_name(decision->reason);
    key->tier = tier_name(decision->tier);
    key->kind = decision->policy.kind;
    key->namespace_name = decision->policy.namespace_name;
    key->name = decision->policy.name;
}

/* Where the decision about a connection is remembered, if it is. */
static struct policy_decision *place(struct policy *policy, const netpolicy_connection *connection) {
    uint64_t hash = 0, words[4];
    memcpy(words, connection, sizeof words);
    for (size_t i = 0; i < 4; i++)
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15 + (hash >> 29);
    hash = (hash ^ connection->port ^ connection->protocol) * 0x9e3779b97f4a7c15;
    return &policy->remembered[hash >> 32 & (POLICY_REMEMBERED - 1)];
}

static bool same_connection(const netpolicy_connection *a, const netpolicy_connection *b) {
    return a->port == b->port && a->protocol == b->protocol &&
           memcmp(&a->source, &b->source, sizeof a->source) == 0 &&
           memcmp(&a->destination, &b->destination, sizeof a->destination) == 0;
}

/* Works out what decided, finds its counter, and tells of a denial. */
static size_t explain(struct policy *policy, const netpolicy_connection *connection, bool accept,
                      bool tell) {
    struct counter_key key = {.accept = accept, .direction = "", .reason = "", .tier = ""};
    netpolicy_explanation *explanation = NULL;
    if (netpolicy_image_explain(policy->image, connection, &explanation) == NETPOLICY_RESULT_OK)
        decide(explanation, &key);
    size_t counter = counters_find(policy->counters, &key);
    if (tell) {
        char text[1024] = "deny";
        netpolicy_explanation_text(explanation, false, text, sizeof text);
        log_denial(text);
    }
    netpolicy_explanation_free(explanation);
    return counter;
}

/* Counts a packet that belongs to no connection. */
static void account_unreadable(struct policy *policy, const char *reason) {
    struct counter_key key = {.direction = "", .reason = reason, .tier = ""};
    counters_add(policy->counters, counters_find(policy->counters, &key));
    if (log_may_tell_denial()) {
        char text[128];
        snprintf(text, sizeof text, "deny: %s", reason);
        log_denial(text);
    }
}

static void account_packet(struct policy *policy, const struct queued_packet *packet) {
    netpolicy_connection connection;
    netpolicy_result read = netpolicy_connection_of_packet(packet->data, packet->len, &connection);
    if (read != NETPOLICY_RESULT_OK) {
        account_unreadable(policy, netpolicy_result_name(read));
        return;
    }
    struct policy_decision *known = place(policy, &connection);
    bool is_known = known->is_known && known->accept == packet->accept &&
                    same_connection(&known->connection, &connection);
    bool tell = !packet->accept && log_may_tell_denial();
    if (!is_known || tell)
        *known = (struct policy_decision){
            .connection = connection,
            .is_known = true,
            .accept = packet->accept,
            .counter = explain(policy, &connection, packet->accept, tell),
        };
    counters_add(policy->counters, known->counter);
}

static void account(void *context, const struct queued_packet *packets, size_t count) {
    struct policy *policy = context;
    for (size_t i = 0; i < count; i++)
        account_packet(policy, &packets[i]);
}

struct queue_handler policy_handler(struct policy *policy) {
    return (struct queue_handler){.judge = judge, .account = account, .context = policy};
}
