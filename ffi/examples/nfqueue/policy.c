#include "policy.h"

#include <string.h>

#include "log.h"

/* One image answers for the whole batch, and explains it afterwards. */
static void judge(void *context, struct queued_packet *packets, size_t count) {
    struct policy *policy = context;
    netpolicy_packet asked[QUEUE_BATCH];
    netpolicy_verdict verdicts[QUEUE_BATCH];
    for (size_t i = 0; i < count; i++)
        asked[i] = (netpolicy_packet){packets[i].data, packets[i].len};
    policy->image = netpolicy_handle_load(policy->handle);
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

static void account_packet(struct policy *policy, const struct queued_packet *packet) {
    struct counter_key key = {.accept = packet->accept, .direction = "", .reason = "", .tier = ""};
    netpolicy_connection connection;
    netpolicy_explanation *explanation = NULL;
    char text[1024] = "deny";
    netpolicy_result result = netpolicy_connection_of_packet(packet->data, packet->len, &connection);
    if (result != NETPOLICY_RESULT_OK) {
        key.reason = netpolicy_result_name(result);
        snprintf(text, sizeof text, "deny: %s", key.reason);
    } else if (netpolicy_image_explain(policy->image, &connection, &explanation) ==
               NETPOLICY_RESULT_OK) {
        decide(explanation, &key);
    }
    counters_add(policy->counters, &key);
    if (!packet->accept && log_may_tell_denial()) {
        if (explanation != NULL)
            netpolicy_explanation_text(explanation, false, text, sizeof text);
        log_denial(text);
    }
    netpolicy_explanation_free(explanation);
}

static void account(void *context, const struct queued_packet *packets, size_t count) {
    struct policy *policy = context;
    for (size_t i = 0; i < count; i++)
        account_packet(policy, &packets[i]);
    netpolicy_image_free(policy->image);
    policy->image = NULL;
}

struct queue_handler policy_handler(struct policy *policy) {
    return (struct queue_handler){.judge = judge, .account = account, .context = policy};
}
