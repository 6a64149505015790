#include "counters.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2048, MOST_KEYS = SLOTS / 2 };

struct counter {
    uint64_t count; /* 0: an empty slot */
    uint64_t hash;
    struct counter_key key;
    char *texts; /* the memory behind the key's texts */
};

struct counters {
    pthread_mutex_t lock; /* taken by the owner for each packet, by others to read */
    size_t keys;
    struct counter slots[SLOTS];
    uint64_t others[2]; /* dropped, accepted; beyond MOST_KEYS */
};

struct counters *counters_new(void) {
    struct counters *counters = calloc(1, sizeof *counters);
    if (counters != NULL)
        pthread_mutex_init(&counters->lock, NULL);
    return counters;
}

void counters_free(struct counters *counters) {
    if (counters == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free(counters->slots[i].texts);
    pthread_mutex_destroy(&counters->lock);
    free(counters);
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001b3;
    return (hash ^ 0xff) * 0x100000001b3;
}

static uint64_t hash_key(const struct counter_key *key) {
    uint64_t hash = 0xcbf29ce484222325 ^ key->accept;
    hash = hash_bytes(hash, key->direction, strlen(key->direction));
    hash = hash_bytes(hash, key->reason, strlen(key->reason));
    hash = hash_bytes(hash, key->kind.data, key->kind.len);
    hash = hash_bytes(hash, key->namespace_name.data, key->namespace_name.len);
    return hash_bytes(hash, key->name.data, key->name.len);
}

static bool same_text(netpolicy_str a, netpolicy_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool same_key(const struct counter_key *a, const struct counter_key *b) {
    return a->accept == b->accept && strcmp(a->direction, b->direction) == 0 &&
           strcmp(a->reason, b->reason) == 0 && strcmp(a->tier, b->tier) == 0 &&
           same_text(a->kind, b->kind) && same_text(a->namespace_name, b->namespace_name) &&
           same_text(a->name, b->name);
}

static netpolicy_str keep(char **place, netpolicy_str text) {
    netpolicy_str kept = {*place, text.len};
    if (text.len != 0)
        memcpy(*place, text.data, text.len);
    *place += text.len;
    return kept;
}

/* Fills an empty slot. The key's texts belong to an image that may go, so they are copied. */
static bool fill(struct counter *slot, uint64_t hash, const struct counter_key *key) {
    char *place = malloc(key->kind.len + key->namespace_name.len + key->name.len + 1);
    if (place == NULL)
        return false;
    slot->texts = place;
    slot->hash = hash;
    slot->key = *key;
    slot->key.kind = keep(&place, key->kind);
    slot->key.namespace_name = keep(&place, key->namespace_name);
    slot->key.name = keep(&place, key->name);
    return true;
}

void counters_add(struct counters *counters, const struct counter_key *key) {
    uint64_t hash = hash_key(key);
    pthread_mutex_lock(&counters->lock);
    for (size_t at = hash % SLOTS;; at = (at + 1) % SLOTS) {
        struct counter *slot = &counters->slots[at];
        bool is_new = slot->count == 0;
        if (is_new && (counters->keys == MOST_KEYS || !fill(slot, hash, key))) {
            counters->others[key->accept]++;
            break;
        }
        if (is_new)
            counters->keys++;
        if (is_new || (slot->hash == hash && same_key(&slot->key, key))) {
            slot->count++;
            break;
        }
    }
    pthread_mutex_unlock(&counters->lock);
}

/* A label's value, escaped as the format wants it. */
static void write_label(FILE *out, const char *name, netpolicy_str value) {
    fprintf(out, ",%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char byte = value.data[i];
        if (byte == '\n')
            fputs("\\n", out);
        else if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

static void write_line(FILE *out, uint16_t queue, const struct counter_key *key, uint64_t count) {
    fprintf(out, "netpolicy_packets_total{queue=\"%u\",verdict=\"%s\"", queue,
            key->accept ? "accept" : "drop");
    write_label(out, "direction", netpolicy_str_of(key->direction));
    write_label(out, "reason", netpolicy_str_of(key->reason));
    write_label(out, "tier", netpolicy_str_of(key->tier));
    write_label(out, "kind", key->kind);
    write_label(out, "namespace", key->namespace_name);
    write_label(out, "policy", key->name);
    fprintf(out, "} %llu\n", (unsigned long long)count);
}

void counters_write(struct counters *counters, uint16_t queue, FILE *out) {
    pthread_mutex_lock(&counters->lock);
    for (size_t i = 0; i < SLOTS; i++)
        if (counters->slots[i].count != 0)
            write_line(out, queue, &counters->slots[i].key, counters->slots[i].count);
    for (int accept = 0; accept < 2; accept++) {
        struct counter_key others = {.accept = accept, .direction = "", .reason = "others",
                                     .tier = ""};
        if (counters->others[accept] != 0)
            write_line(out, queue, &others, counters->others[accept]);
    }
    pthread_mutex_unlock(&counters->lock);
}
